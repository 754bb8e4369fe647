"""The walk-forward confirmation of a candle run: the same recipe at the windows before it. PROTOCOL §3."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.models import Priority
from training.quant.candle.spec import CandleSpec
from training.quant.ensemble.spec import EnsembleSpec, series_spec
from training.recipes.base import MEMORY, Prepared
from training.recipes.candle.data import candle_series


@dataclass(frozen=True)
class ConfirmationRecipe:
    kind: str = "confirmation"
    label: str = "Walk-forward confirmation"
    priority: Priority = Priority.ABOUT
    time_limit_s: float = 600.0
    memory: int = MEMORY
    keep_days: int | None = None
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = False
    needs_subject: bool = True
    verb: str = "confirm"
    subjects: tuple[str, ...] = ("candle", "ensemble")
    execute: str = "training.recipes.confirmation.execute.execute"
    as_json: str = "training.recipes.confirmation.as_json.confirmations_json"
    answer: str = "training.recipes.confirmation.schema.ConfirmationRun"
    page: str = "training.web.views.runs.show_subject"

    def parse(self, stored: Mapping[str, Any]) -> CandleSpec | EnsembleSpec:
        return series_spec(stored)

    def prepare(self, spec: CandleSpec | EnsembleSpec) -> Prepared:
        return Prepared(candle_series(spec), spec.candle_at, spec.protocol, spec.feature_set)


RECIPE = ConfirmationRecipe()
