"""Active models held against what they were trained on, with a notice of each bound that is passed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from predictions.recipes.spec import UniverseJobSpec
from training.models import Priority
from training.recipes.base import MEMORY, Prepared


@dataclass(frozen=True)
class DriftRecipe:
    kind: str = "drift"
    label: str = "Check drift"
    priority: Priority = Priority.DATA
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    keep_days: int | None = 180
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = False
    needs_subject: bool = False
    execute: str = "predictions.recipes.drift.execute.execute"
    as_json: str = "training.recipes.other.other_runs_json"
    answer: str = ""
    page: str = "training.web.views.runs.show"

    def parse(self, stored: Mapping[str, Any]) -> UniverseJobSpec:
        return UniverseJobSpec.from_dict(stored)

    def prepare(self, spec: UniverseJobSpec) -> Prepared:
        return Prepared(universe=spec.universe)


RECIPE = DriftRecipe()
