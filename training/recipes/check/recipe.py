"""Stored bars checked: nightly all of them, and what an import touched soon after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.models import Priority
from training.recipes.base import MEMORY, Prepared
from training.recipes.check.spec import CheckSpec


@dataclass(frozen=True)
class CheckRecipe:
    kind: str = "check"
    label: str = "Check data"
    priority: Priority = Priority.DATA
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    keep_days: int | None = 30
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = False
    needs_subject: bool = False
    execute: str = "training.recipes.check.execute.execute"
    as_json: str = "training.recipes.other.other_runs_json"
    answer: str = ""
    page: str = "training.web.views.data.show_check"

    def parse(self, stored: Mapping[str, Any]) -> CheckSpec:
        return CheckSpec.from_dict(stored)

    def prepare(self, spec: CheckSpec) -> Prepared:
        return Prepared()


RECIPE = CheckRecipe()
