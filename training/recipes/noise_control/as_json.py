"""Noise controls as JSON."""

from collections.abc import Sequence
from typing import Any

from boursomatic.shared.records import to_json
from training.models import TrainingRun
from training.recipes.candle.as_json import NO_MODEL, NO_VERDICT, candle_head
from training.recipes.noise_control.schema import NoiseControlResult, NoiseControlRun


def noise_controls_json(runs: Sequence[TrainingRun]) -> list[dict[str, Any]]:
    return [to_json(_answer(run)) for run in runs]


def _answer(run: TrainingRun) -> NoiseControlRun:
    result = NoiseControlResult.read(run.result)
    return NoiseControlRun(
        **candle_head(run),
        **NO_MODEL,
        **NO_VERDICT,
        real=result.real,
        rotated=result.rotated,
        share=result.share,
        sentence=result.sentence,
    )
