"""Verifications as JSON."""

from collections.abc import Sequence
from typing import Any

from boursomatic.shared.records import to_json
from training.models import TrainingRun
from training.recipes.candle.as_json import NO_MODEL, NO_VERDICT, candle_head
from training.recipes.verification.schema import VerificationResult, VerificationRun


def verifications_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    return [to_json(_answer(run)) for run in runs]


def _answer(run: TrainingRun) -> VerificationRun:
    result = VerificationResult.read(run.result)
    return VerificationRun(
        **candle_head(run),
        **{**NO_MODEL, "model_hash": result.model_hash},
        **NO_VERDICT,
        identical=result.identical,
        differs=result.differs,
        truncation_identical=result.truncation_identical,
        sentence=result.sentence,
        bars_changed=result.bars_changed,
    )
