"""What schedules start are runs. What the last one came to becomes the row of a run."""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.db import migrations


def make_runs(apps: Any, schema_editor: Any) -> None:
    """One for each schedule that has begun once. A retraining under way becomes the part of its schedule's run, which
    then says what became of it; what was told to run while it was off waits in the queue."""
    schedules = apps.get_model("predictions", "Schedule").objects
    runs = apps.get_model("training", "TrainingRun").objects
    for schedule in schedules.exclude(began_at=None):
        training = runs.filter(run_id=schedule.run_id).first() if schedule.run_id else None
        if training is not None:
            run = runs.create(**_row(schedule, schedule.began_at, status="queued"))
            runs.filter(pk=training.pk).update(parent=run, priority=2, counts=False)
        else:
            came = (
                {"result": {"sentence": schedule.result}}
                if schedule.ok
                else {"error": schedule.result or "It broke off."}
            )
            ended = {"started_at": schedule.began_at, "finished_at": schedule.ended_at or schedule.began_at, **came}
            status = "completed" if schedule.ok else "failed"
            run = runs.create(**_row(schedule, schedule.began_at, status=status, progress=1.0, **ended))
        schedules.filter(pk=schedule.pk).update(run_id=run.run_id)
    for schedule in schedules.filter(asked=True, enabled=False):
        runs.create(**_row(schedule, schedule.next_run_at, status="queued", suffix="now"))


def _row(schedule: Any, at: datetime, *, status: str, suffix: str = "", **more: Any) -> dict[str, Any]:
    return {
        "run_id": f"{at:%Y%m%d_%H%M%S}_s{schedule.pk:03d}{suffix}",
        "kind": schedule.job,
        "config": {"kind": schedule.job, "universe": schedule.universe, "schedule": schedule.pk},
        "params_hash": hashlib.sha256(json.dumps([schedule.job, schedule.universe]).encode()).hexdigest(),
        "universe": schedule.universe,
        "status": status,
        "stage": status,
        "priority": 1,
        "counts": False,
        "created_at": at,
        **more,
    }


class Migration(migrations.Migration):
    dependencies = [("predictions", "0006_open_sets"), ("training", "0009_families_constraints")]

    operations = [
        migrations.RunPython(make_runs, migrations.RunPython.noop),
    ]
