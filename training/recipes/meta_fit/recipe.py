"""The meta-predictor brought up to date: what new studies found is learnt, and held against steady. PROTOCOL §7.6."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.models import Priority
from training.recipes.base import MEMORY, Prepared
from training.recipes.meta_fit.spec import MetaFitSpec


@dataclass(frozen=True)
class MetaFitRecipe:
    kind: str = "meta_fit"
    label: str = "Meta-predictor"
    priority: Priority = Priority.ABOUT
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    keep_days: int | None = 180
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = True
    needs_subject: bool = False
    execute: str = "training.recipes.meta_fit.execute.execute"
    as_json: str = "training.recipes.other.other_runs_json"
    answer: str = ""
    page: str = "training.web.views.runs.show"

    def parse(self, stored: Mapping[str, Any]) -> MetaFitSpec:
        return MetaFitSpec.from_dict(stored)

    def prepare(self, spec: MetaFitSpec) -> Prepared:
        return Prepared()


RECIPE = MetaFitRecipe()
