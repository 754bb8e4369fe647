"""What holds for families of runs. Apart from the step before: PostgreSQL changes no table with rows still to check."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("training", "0008_families")]

    operations = [
        migrations.AddIndex(
            model_name="trainingrun",
            index=models.Index(fields=["parent", "status"], condition=Q(parent__isnull=False), name="run_part"),
        ),
        migrations.AddConstraint(
            model_name="trainingrun", constraint=models.UniqueConstraint(fields=["once_key"], name="run_once")
        ),
        migrations.AddConstraint(
            model_name="trainingrun",
            constraint=models.CheckConstraint(condition=Q(parent=None) | Q(subject=None), name="run_is_part_or_about"),
        ),
        migrations.AddConstraint(
            model_name="modelversion",
            constraint=models.UniqueConstraint(
                fields=["universe", "horizon"],
                condition=Q(is_active=True) & ~Q(universe=""),
                name="one_active_universe_model",
            ),
        ),
    ]
