"""A run as JSON: one shape for API, command line and pages."""

from typing import Any

from training.models import Kind, Status, TrainingRun
from training.quant.spec import CandleSpec, format_time
from training.storage import run_folder

_EMPTY: dict[str, Any] = {
    "train_metrics": {},
    "validation_metrics": {},
    "test_metrics": {},
    "verdict": None,
    "splits": {"train": {}, "validation": {}, "test": {}},
    "data_hash": None,
    "model_hash": None,
    "feature_names": [],
    "artifact_paths": {},
}


def run_json(run: TrainingRun) -> dict[str, Any]:
    """The run JSON that outside programs rely on. Needs `created_by` and `series__instrument` loaded."""
    spec = CandleSpec.from_dict(run.config) if run.kind == Kind.CANDLE else None
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "timestamp": run.run_id[:15],
        "candle_date": spec.candle if spec else None,
        "symbol": spec.symbol if spec else None,
        "timeframe": spec.timeframe if spec else None,
        "status": run.status,
        "progress": run.progress,
        "stage": run.stage,
        "message": run.message,
        "error": run.error or None,
        "error_reason": run.error_reason or None,
        "attempt": run.attempt,
        "created_by": run.created_by.get_username() if run.created_by else None,
        "created_at": format_time(run.created_at),
        "started_at": format_time(run.started_at) if run.started_at else None,
        "finished_at": format_time(run.finished_at) if run.finished_at else None,
        "pid": run.worker_pid if run.status == Status.RUNNING else None,
        "params_hash": run.params_hash,
        "config": spec.as_request() if spec else run.config,
        "output_dir": run_folder(run.run_id),
        **_EMPTY,
        **run.result,
    }


def run_detail(run: TrainingRun) -> dict[str, Any]:
    """What the run's own page draws besides: curve, test rows, performance, importance, proof, warnings, log."""
    return {
        **run.detail,
        "parent": run.parent.run_id if run.parent else None,
        "live_curve": run.live_curve,
        "log": [
            {"at": format_time(event.at), "attempt": event.attempt, "stage": event.stage, "text": event.text}
            for event in run.events.order_by("at", "id")
        ],
    }
