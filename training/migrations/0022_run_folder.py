from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0021_store_marker")]

    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="folder",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
    ]
