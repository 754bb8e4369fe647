"""An ensemble: candle runs of one series, or a row of a sweep's map, asked together, a model of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.models import Priority
from training.quant.candle.spec import parse_time
from training.quant.ensemble.spec import EnsembleSpec
from training.recipes.base import MEMORY, Prepared
from training.recipes.candle.data import candle_series
from training.recipes.ensemble.members import member_runs


@dataclass(frozen=True)
class EnsembleRecipe:
    kind: str = "ensemble"
    label: str = "Ensemble"
    priority: Priority = Priority.CLICK
    time_limit_s: float = 600.0
    memory: int = MEMORY
    keep_days: int | None = None
    is_listed: bool = True
    only_by_kind: bool = True
    counts_as_active: bool = True
    needs_subject: bool = False
    execute: str = "training.recipes.ensemble.execute.execute"
    as_json: str = "training.recipes.ensemble.as_json.ensembles_json"
    answer: str = "training.recipes.ensemble.schema.EnsembleRun"
    page: str = "training.web.views.ensemble.show"

    def parse(self, stored: Mapping[str, Any]) -> EnsembleSpec:
        return EnsembleSpec.from_dict(stored)

    def prepare(self, spec: EnsembleSpec) -> Prepared:
        """Raises SpecError where a member is gone; cells need no sweep any more."""
        member_runs([member.run_id for member in spec.members if member.cell is None])
        return Prepared(
            candle_series(spec),
            spec.candle_at,
            spec.protocol,
            spec.feature_set,
            seen_until=parse_time(spec.seen_until),
        )


RECIPE = EnsembleRecipe()
