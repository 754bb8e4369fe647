"""Universe runs and walks as JSON: what `train` and `walk_forward` print, API and pages show."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from training.artifacts.storage import run_folder
from training.models import Kind, Status, TrainingRun
from training.quant.candle.spec import format_time
from training.quant.universe.verdict import UniverseVerdict
from training.runs.annotations import words_of

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

_EMPTY_WALK: dict[str, Any] = {
    "as_of": None,
    "instruments": None,
    "pooled": {},
    "stability": {},
    "curve": {},
    "data_hash": None,
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


def walk_run_json(run: TrainingRun, verdict: UniverseVerdict | None, folds: Sequence[TrainingRun]) -> dict[str, Any]:
    """The JSON of `walk_forward` in CONTRACT, and the fields that runs of every kind have. While the walk is under way
    `folds` has those that are done, oldest first, and `progress` counts them."""
    done = [fold for fold in folds if fold.status == Status.COMPLETED]
    progress = progress_json(run)
    if run.status == Status.QUEUED:
        share = sum(1.0 if fold in done else fold.progress for fold in folds) / max(1, len(folds))
        progress |= {"progress": 0.95 * share, "message": f"{len(done)} of {len(folds)} folds are done"}
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "timestamp": run.run_id[:15],
        "universe": run.config.get("universe"),
        "timeframe": "1d",
        **progress,
        "params_hash": run.params_hash,
        "config": run.config,
        "window": run.config.get("window"),
        **_EMPTY_WALK,
        "folds": [fold.result["fold"] for fold in done],
        **{name: value for name, value in run.result.items() if name != "evidence"},
        "verdict": verdict.as_dict() if verdict else None,
    }


def folds_by_walk(runs: Sequence[TrainingRun]) -> dict[int, list[TrainingRun]]:
    """The folds of the walks among `runs`, oldest first, by the walk's primary key. At most one query."""
    walks = [run.pk for run in runs if run.kind == Kind.WALK]
    found: dict[int, list[TrainingRun]] = defaultdict(list)
    rows = TrainingRun.objects.filter(subject__in=walks, kind=Kind.FOLD).order_by("pk") if walks else []
    for fold in rows:
        assert fold.subject_id is not None
        found[fold.subject_id].append(fold)
    return found
