from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("instruments", "0009_members")]

    operations = [migrations.AddField("source", "symbols", models.JSONField(default=dict))]
