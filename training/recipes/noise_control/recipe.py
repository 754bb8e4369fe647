"""The noise control of a candle run: the same recipe on labels rotated in time. PROTOCOL §5.3."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.models import Priority
from training.quant.candle.spec import CandleSpec
from training.quant.ensemble.spec import EnsembleSpec, series_spec
from training.recipes.base import MEMORY, Prepared
from training.recipes.candle.data import candle_series


@dataclass(frozen=True)
class NoiseControlRecipe:
    kind: str = "control"
    label: str = "Noise control"
    priority: Priority = Priority.ABOUT
    time_limit_s: float = 600.0
    memory: int = MEMORY
    keep_days: int | None = None
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = True
    needs_subject: bool = True
    verb: str = "control"
    subjects: tuple[str, ...] = ("candle", "ensemble")
    execute: str = "training.recipes.noise_control.execute.execute"
    as_json: str = "training.recipes.noise_control.as_json.noise_controls_json"
    answer: str = "training.recipes.noise_control.schema.NoiseControlRun"
    page: str = "training.web.views.runs.show_subject"

    def parse(self, stored: Mapping[str, Any]) -> CandleSpec | EnsembleSpec:
        return series_spec(stored)

    def prepare(self, spec: CandleSpec | EnsembleSpec) -> Prepared:
        return Prepared(candle_series(spec), spec.candle_at, spec.protocol, spec.feature_set)


RECIPE = NoiseControlRecipe()
