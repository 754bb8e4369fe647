"""The fields that the JSON of every run begins with."""

from typing import Any

from training.models import Status, TrainingRun
from training.quant.candle.spec import format_time


def run_head(run: TrainingRun) -> dict[str, Any]:
    """The fields of RunHead. No query where `description`, `tags` and `created_by` were loaded with the run."""
    annotated = getattr(run, "description", None)
    return {
        "run_id": run.run_id,
        "timestamp": run.run_id[:15],
        "name": annotated.name if annotated else "",
        "notes": annotated.notes if annotated else "",
        "tags": [tag.text for tag in run.tags.all()],
        "pinned": annotated.pinned if annotated else False,
        "status": str(run.status),
        "progress": run.progress,
        "stage": run.stage,
        "message": run.message,
        "error": run.error or None,
        "error_reason": str(run.error_reason) or None,
        "attempt": run.attempt,
        "created_by": run.created_by.get_username() if run.created_by else None,
        "created_at": format_time(run.created_at),
        "started_at": format_time(run.started_at) if run.started_at else None,
        "finished_at": format_time(run.finished_at) if run.finished_at else None,
        "pid": run.worker_pid if run.status == Status.RUNNING else None,
        "params_hash": run.params_hash,
    }
