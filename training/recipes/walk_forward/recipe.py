"""A walk-forward over a universe: a run whose folds are runs of their own, pooled when all of them are over."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from training.evidence.universe import CONFIRMATION as KIND
from training.models import Priority
from training.quant.walk_forward.spec import WalkSpec
from training.recipes.base import MEMORY, ChildRun, Prepared
from training.recipes.universe.data import universe_members


@dataclass(frozen=True)
class WalkRecipe:
    kind: str = "walk"
    label: str = "Walk-forward"
    priority: Priority = Priority.CLICK
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    copies: int = 1
    keep_days: int | None = None
    is_listed: bool = True
    only_by_kind: bool = False
    counts_as_active: bool = True
    needs_subject: bool = False
    execute: str = "training.recipes.walk_forward.execute.combine"
    as_json: str = "training.recipes.walk_forward.as_json.walks_json"
    answer: str = "training.recipes.walk_forward.schema.WalkRun"
    page: str = "training.web.views.universe_run.show_walk"
    on_part_failure: Literal["fail", "combine_without"] = "fail"

    def parse(self, stored: Mapping[str, Any]) -> WalkSpec:
        return WalkSpec.from_dict(stored)

    def prepare(self, spec: WalkSpec) -> Prepared:
        """Raises SpecError where there is no such universe."""
        universe_members(spec.universe)
        return Prepared(universe=spec.universe)

    def parts(self, spec: WalkSpec) -> list[ChildRun]:
        return [ChildRun(replace(spec, fold=number)) for number in range(1, spec.folds + 1)]


@dataclass(frozen=True)
class FoldRecipe:
    kind: str = "fold"
    label: str = "Fold of a walk-forward"
    priority: Priority = Priority.ABOUT
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    copies: int = 1
    keep_days: int | None = None
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = False
    needs_subject: bool = False
    execute: str = "training.recipes.walk_forward.execute.execute_fold"
    as_json: str = "training.recipes.other.other_runs_json"
    answer: str = ""
    page: str = "training.web.views.runs.show_parent"

    def parse(self, stored: Mapping[str, Any]) -> WalkSpec:
        return WalkSpec.from_dict(stored)

    def prepare(self, spec: WalkSpec) -> Prepared:
        return Prepared(universe=spec.universe)


RECIPE = WalkRecipe()
CONFIRMATION = WalkRecipe(  # of a universe run, made when it completes
    kind=KIND,
    label="Walk-forward confirmation",
    priority=Priority.ABOUT,
    is_listed=False,
    only_by_kind=True,
    counts_as_active=False,
    needs_subject=True,
    answer="training.recipes.walk_forward.schema.UniverseConfirmationRun",
)
FOLD = FoldRecipe()
