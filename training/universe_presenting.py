"""A universe run as JSON: what `train` prints, API and pages show."""

from typing import Any

from training.describing import words_of
from training.models import Status, TrainingRun
from training.quant.spec import format_time
from training.quant.universe_verdict import UniverseVerdict
from training.storage import run_folder

_PARTS: dict[str, Any] = {"validation": {}, "test": {}}
_EMPTY: dict[str, Any] = {
    "version": None,
    "as_of": None,
    "instruments": None,
    "bars": None,
    "rows": {},
    "borders": {},
    "metrics": _PARTS,
    "auc_buy": {},
    "used_until": None,
    "data_hash": None,
    "model_hash": None,
    "judged_model_hash": None,
    "feature_names": [],
    "artifact_paths": {},
}


def progress_json(run: TrainingRun) -> dict[str, Any]:
    """How far a run of any kind is, whose it is, and what is said of it."""
    return {
        **words_of(run).as_dict(),
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
    }


def universe_run_json(run: TrainingRun, verdict: UniverseVerdict | None) -> dict[str, Any]:
    """The JSON of `train` in CONTRACT, and the fields that runs of every kind have."""
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "timestamp": run.run_id[:15],
        "universe": run.config.get("universe"),
        "timeframe": "1d",
        **progress_json(run),
        "params_hash": run.params_hash,
        "config": run.config,
        "output_dir": run_folder(run.run_id),
        **_EMPTY,
        **{name: value for name, value in run.result.items() if name != "evidence"},
        "verdict": verdict.as_dict() if verdict else None,
    }
