"""A universe run: BUY / HOLD / SELL and the expected return of many instruments, judged on the last days."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.models import Priority
from training.quant.universe.spec import UniverseSpec
from training.recipes.base import MEMORY, Prepared
from training.recipes.universe.data import universe_members


@dataclass(frozen=True)
class UniverseRecipe:
    kind: str = "universe"
    label: str = "Universe"
    priority: Priority = Priority.CLICK
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    copies: int = 1
    keep_days: int | None = None
    is_listed: bool = True
    only_by_kind: bool = False
    counts_as_active: bool = True
    needs_subject: bool = False
    execute: str = "training.recipes.universe.execute.execute"
    as_json: str = "training.recipes.universe.as_json.universe_runs_json"
    answer: str = "training.recipes.universe.schema.UniverseRun"
    page: str = "training.web.views.universe_run.show"

    def parse(self, stored: Mapping[str, Any]) -> UniverseSpec:
        return UniverseSpec.from_dict(stored)

    def prepare(self, spec: UniverseSpec) -> Prepared:
        """Whether there are bars enough, its worker finds out. Raises SpecError where there is no such universe."""
        universe_members(spec.universe)
        return Prepared(universe=spec.universe)


RECIPE = UniverseRecipe()
