"""Verifications of universe runs and walks as JSON."""

from collections.abc import Sequence
from typing import Any

from boursomatic.shared.records import to_json
from training.models import TrainingRun
from training.recipes.universe.about import universe_about_head
from training.recipes.universe_verify.schema import UniverseVerificationRun
from training.recipes.verification.schema import VerificationResult


def universe_verifications_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    return [to_json(_answer(run)) for run in runs]


def _answer(run: TrainingRun) -> UniverseVerificationRun:
    result = VerificationResult.read(run.result)
    return UniverseVerificationRun(
        **universe_about_head(run),
        identical=result.identical,
        differs=result.differs,
        truncation_identical=result.truncation_identical,
        model_hash=result.model_hash,
        sentence=result.sentence,
        bars_changed=result.bars_changed,
    )
