"""Schedules that follow a universe's closes instead of a time of day."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("predictions", "0014_notices_moved")]

    operations = [
        migrations.AddField("schedule", "source", models.CharField(blank=True, max_length=40)),
        migrations.AddField("schedule", "delay_minutes", models.PositiveSmallIntegerField(default=10)),
        migrations.AddField("schedule", "computes_features", models.BooleanField(default=False)),
        migrations.AddField("schedule", "followed_run_id", models.CharField(blank=True, max_length=40)),
        migrations.AlterField("schedule", "time_of_day", models.TimeField(null=True)),
        migrations.RemoveConstraint("schedule", "schedule_once"),
        migrations.AddConstraint(
            "schedule", models.UniqueConstraint(fields=["job", "universe", "source"], name="schedule_once_a_source")
        ),
    ]
