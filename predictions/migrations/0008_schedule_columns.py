"""The columns that runs have taken the place of."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("predictions", "0007_scheduled_runs")]

    operations = [
        migrations.RemoveField(model_name="schedule", name="asked"),
        migrations.RemoveField(model_name="schedule", name="began_at"),
        migrations.RemoveField(model_name="schedule", name="ended_at"),
        migrations.RemoveField(model_name="schedule", name="kicked_at"),
        migrations.RemoveField(model_name="schedule", name="ok"),
        migrations.RemoveField(model_name="schedule", name="result"),
        migrations.AlterField(
            model_name="schedule",
            name="job",
            field=models.CharField(
                choices=[
                    ("recommend", "Recommend"),
                    ("score", "Score"),
                    ("drift", "Check drift"),
                    ("retrain", "Retrain"),
                ],
                max_length=10,
            ),
        ),
    ]
