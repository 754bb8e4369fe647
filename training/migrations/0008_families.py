"""Three relations of runs instead of two, kinds known by settings alone, and what decides a run's turn as columns."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

ABOUT = ("confirmation", "control", "verification")


def fill_in(apps: Any, schema_editor: Any) -> None:
    """Folds become parts of their walk; what is about another run has its turn after trainings and counts for nobody;
    a confirmation is made once for each run."""
    runs = apps.get_model("training", "TrainingRun").objects
    runs.filter(kind="fold").update(parent=models.F("subject"), subject=None, priority=2, counts=False)
    runs.filter(kind__in=ABOUT).update(priority=2)
    once = runs.filter(kind="confirmation").exclude(status__in=["failed", "cancelled"])
    for run in once.select_related("subject").only("subject__run_id").iterator(chunk_size=500):
        runs.filter(pk=run.pk).update(once_key=f"confirmation of {run.subject.run_id}")
    runs.filter(kind="confirmation").update(counts=False)


class Migration(migrations.Migration):
    dependencies = [("training", "0007_history")]

    operations = [
        migrations.RemoveConstraint(model_name="trainingrun", name="run_kind_known"),
        migrations.RemoveConstraint(model_name="trainingrun", name="run_job_has_subject"),
        migrations.RemoveConstraint(model_name="trainingrun", name="one_confirmation_a_run"),
        migrations.RemoveConstraint(model_name="modelversion", name="model_kind_known"),
        migrations.RemoveConstraint(model_name="modelversion", name="one_active_universe_model"),
        migrations.RenameField(model_name="trainingrun", old_name="parent", new_name="retry_of"),
        migrations.AddField(
            model_name="trainingrun",
            name="parent",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="parts",
                to="training.trainingrun",
            ),
        ),
        migrations.AddField(
            model_name="trainingrun", name="priority", field=models.PositiveSmallIntegerField(default=0)
        ),
        migrations.AddField(model_name="trainingrun", name="counts", field=models.BooleanField(default=True)),
        migrations.AddField(
            model_name="trainingrun", name="once_key", field=models.CharField(editable=False, max_length=120, null=True)
        ),
        migrations.AlterField(model_name="trainingrun", name="kind", field=models.CharField(max_length=20)),
        migrations.AlterField(model_name="modelversion", name="kind", field=models.CharField(max_length=20)),
        migrations.RunPython(fill_in, migrations.RunPython.noop),
    ]
