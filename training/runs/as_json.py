"""A run as JSON: one shape for API, command line and pages."""

from collections.abc import Sequence
from typing import Any

from training.artifacts.storage import run_folder
from training.evidence.candle import Judged, judged
from training.evidence.universe import OF_UNIVERSES, universe_verdicts
from training.models import Kind, TrainingRun
from training.quant.candle.spec import CandleSpec, format_time
from training.quant.universe.verdict import UniverseVerdict
from training.recipes.candle.live_score import live_score
from training.runs.as_json_universe import folds_by_walk, progress_json, universe_run_json, walk_run_json

_EMPTY: dict[str, Any] = {
    "train_metrics": {},
    "validation_metrics": {},
    "test_metrics": {},
    "splits": {"train": {}, "validation": {}, "test": {}},
    "data_hash": None,
    "model_hash": None,
    "feature_names": [],
    "artifact_paths": {},
}


def run_json(run: TrainingRun, found: Judged | None = None) -> dict[str, Any]:
    """One run; see `runs_json`. `found`: how it is judged, where the caller knows that already.

    Only here is a live run scored on what has happened since: that asks its model.
    """
    if run.kind in OF_UNIVERSES:
        return _of_universe(run, universe_verdicts([run]).get(run.pk), folds_by_walk([run]))
    return {**_run_json(run, found or judged([run])[run.pk]), "live_score": live_score(run)}


def runs_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    """The run JSON that outside programs rely on. Needs what `light` loads; two queries
    more for all verdicts together, one for the folds of walks."""
    found, of_universes, folds = judged(runs), universe_verdicts(runs), folds_by_walk(runs)
    return [
        _of_universe(run, of_universes.get(run.pk), folds)
        if run.kind in OF_UNIVERSES
        else _run_json(run, found[run.pk])
        for run in runs
    ]


def confirmation_json(job: TrainingRun | None) -> dict[str, Any] | None:
    """How far the walk-forward confirmation is, and what it found."""
    if job is None:
        return None
    return {
        "run_id": job.run_id,
        "status": job.status,
        "progress": job.progress,
        "message": job.message,
        "error": job.error or None,
        "windows": job.result.get("windows", []),
        "pooled": job.result.get("evidence"),
        "logistic": job.result.get("logistic"),
        "logistic_is_better": job.result.get("logistic_is_better", False),
    }


def _of_universe(
    run: TrainingRun, verdict: UniverseVerdict | None, folds: dict[int, list[TrainingRun]]
) -> dict[str, Any]:
    if run.kind == Kind.WALK:
        return walk_run_json(run, verdict, folds.get(run.pk, []))
    return universe_run_json(run, verdict)


def _run_json(run: TrainingRun, found: Judged) -> dict[str, Any]:
    spec = CandleSpec.from_dict(run.config)
    return {
        "run_id": run.run_id,
        "kind": run.kind,
        "timestamp": run.run_id[:15],
        "candle_date": spec.candle,
        "symbol": spec.symbol,
        "timeframe": spec.timeframe,
        **progress_json(run),
        "params_hash": run.params_hash,
        "config": spec.as_request(),
        "output_dir": run_folder(run.run_id),
        **_EMPTY,
        **{name: value for name, value in run.result.items() if name != "evidence"},
        "verdict": found.verdict.as_dict() if found.verdict else None,
        "confirmation": confirmation_json(found.confirmation),
        "live_score": None,
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
