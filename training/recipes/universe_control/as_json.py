"""Noise controls of universe runs and walks as JSON."""

from collections.abc import Sequence
from typing import Any

from boursomatic.shared.records import to_json
from training.models import TrainingRun
from training.recipes.universe.about import universe_about_head
from training.recipes.universe_control.schema import UniverseControlResult, UniverseControlRun


def universe_controls_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    return [to_json(_answer(run)) for run in runs]


def _answer(run: TrainingRun) -> UniverseControlRun:
    result = UniverseControlResult.read(run.result)
    return UniverseControlRun(
        **universe_about_head(run),
        label=result.label,
        real=result.real,
        shuffled=result.shuffled,
        windows=result.windows,
        days=result.days,
        sentence=result.sentence,
    )
