"""A candle run: one model, trained as of one candle and judged on the candles after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.models import Priority
from training.quant.candle.spec import CandleSpec
from training.recipes.base import MEMORY, Prepared
from training.recipes.candle.data import candle_data, candle_plan, candle_series, require_plan
from training.recipes.candle.searched import seen_until


@dataclass(frozen=True)
class CandleRecipe:
    kind: str = "candle"
    label: str = "Candle"
    priority: Priority = Priority.CLICK
    time_limit_s: float = 600.0
    memory: int = MEMORY
    keep_days: int | None = None
    is_listed: bool = True
    only_by_kind: bool = False
    counts_as_active: bool = True
    needs_subject: bool = False
    execute: str = "training.recipes.candle.execute.execute"
    as_json: str = "training.recipes.candle.as_json.candle_runs_json"
    answer: str = "training.recipes.candle.schema.CandleRun"
    page: str = "training.web.views.candle_run.show"

    def parse(self, stored: Mapping[str, Any]) -> CandleSpec:
        return CandleSpec.from_dict(stored)

    def prepare(self, spec: CandleSpec) -> Prepared:
        """Raises SpecError with the nearest candle that would do."""
        series = candle_series(spec)
        data = candle_data(series, spec)
        require_plan(data, candle_plan(data, spec), spec)
        return Prepared(series, spec.candle_at, spec.protocol, spec.feature_set, seen_until=seen_until(series, spec))


RECIPE = CandleRecipe()
