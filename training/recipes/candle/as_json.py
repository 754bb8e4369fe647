"""Candle runs as JSON: what `train_poc` prints, API and pages show."""

from collections.abc import Sequence
from typing import Any

from boursomatic.shared.records import NOTHING, to_json
from training.artifacts.storage import folder_of
from training.evidence.candle import CandleVerdict, candle_verdicts
from training.models import TrainingRun
from training.quant.candle.spec import format_time
from training.quant.ensemble.spec import series_spec
from training.recipes.candle.live_score import live_score
from training.recipes.candle.schema import CandleResult, CandleRun, Confirmation, Splits
from training.recipes.confirmation.schema import ConfirmationResult
from training.recipes.head import run_head

# What a run shows of a model while there is none.
NO_MODEL: dict[str, Any] = {
    "train_metrics": NOTHING,
    "validation_metrics": NOTHING,
    "test_metrics": NOTHING,
    "splits": Splits(train=NOTHING, validation=NOTHING, test=NOTHING),
    "data_hash": None,
    "model_hash": None,
    "feature_names": [],
    "artifact_paths": {},
}
NO_MORE: dict[str, Any] = {"window_results": [], "shelf_life": None, "fold_results": []}  # of a model's own run
NO_VERDICT: dict[str, Any] = {"verdict": None, "confirmation": None, "live_score": None}


def candle_run_json(run: TrainingRun, candle_verdict: CandleVerdict) -> dict[str, Any]:
    """One run with its verdict, a live one scored on what has happened since: that asks its model."""
    answer = candle_runs_json([run], {run.pk: candle_verdict})[0]
    return {**answer, "live_score": live_score(run)}


def candle_runs_json(
    runs: Sequence[TrainingRun], verdicts: dict[int, CandleVerdict] | None = None
) -> list[dict[str, Any]]:
    """Two queries for all verdicts together, unless they are in `verdicts` already."""
    verdicts = candle_verdicts(runs) if verdicts is None else verdicts
    return [to_json(CandleRun(**candle_fields(run, verdicts[run.pk]), **_own_fields(run))) for run in runs]


def candle_head(run: TrainingRun) -> dict[str, Any]:
    """The fields of CandleHead that a run's row says, whatever it has found."""
    spec = series_spec(run.config)
    return {
        **run_head(run),
        "candle_date": spec.candle,
        "symbol": spec.symbol,
        "timeframe": spec.timeframe,
        "config": spec.as_request(),
        "seen_until": format_time(run.seen_until) if run.seen_until else None,
        "output_dir": folder_of(run),
    }


def candle_fields(run: TrainingRun, candle_verdict: CandleVerdict) -> dict[str, Any]:
    """The fields of CandleHead of a run that makes a model."""
    model = dict(NO_MODEL)
    if run.result:
        result = CandleResult.read(run.result)
        model = {name: getattr(result, name) for name in NO_MODEL}
    return {
        **candle_head(run),
        **model,
        "verdict": candle_verdict.verdict,
        "confirmation": _confirmation(candle_verdict.confirmation) if candle_verdict.confirmation else None,
        "live_score": None,
    }


def _own_fields(run: TrainingRun) -> dict[str, Any]:
    """The fields that CandleRun alone has."""
    if not run.result:
        return NO_MORE
    result = CandleResult.read(run.result)
    return {name: getattr(result, name) for name in NO_MORE}


def _confirmation(run: TrainingRun) -> Confirmation:
    """How far the walk-forward confirmation is, and what it found."""
    result = ConfirmationResult.read(run.result)
    return Confirmation(
        run_id=run.run_id,
        status=str(run.status),
        progress=run.progress,
        message=run.message,
        error=run.error or None,
        windows=result.windows,
        pooled=result.evidence,
        logistic=result.logistic,
        logistic_is_better=result.logistic_is_better,
    )
