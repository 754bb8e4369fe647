"""Walk-forward confirmations as JSON."""

from collections.abc import Sequence
from typing import Any

from boursomatic.shared.records import to_json
from training.models import TrainingRun
from training.recipes.candle.as_json import NO_MODEL, NO_VERDICT, candle_head
from training.recipes.confirmation.schema import ConfirmationResult, ConfirmationRun


def confirmations_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    return [to_json(_answer(run)) for run in runs]


def _answer(run: TrainingRun) -> ConfirmationRun:
    result = ConfirmationResult.read(run.result)
    return ConfirmationRun(
        **candle_head(run),
        **NO_MODEL,
        **NO_VERDICT,
        windows=result.windows,
        pooled=result.evidence,
        logistic=result.logistic,
        logistic_is_better=result.logistic_is_better,
    )
