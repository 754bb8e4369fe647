"""How often a scheduled refresh that failed is tried again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("predictions", "0015_refresh_schedules")]

    operations = [migrations.AddField("schedule", "retries", models.PositiveSmallIntegerField(default=0))]
