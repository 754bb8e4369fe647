"""The noise control of a universe run or a walk: walked once more on the returns of others. PROTOCOL §5.3."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.quant.universe.spec import UniverseSpec
from training.quant.walk_forward.spec import WalkSpec
from training.recipes.base import MEMORY, Prepared, Priority
from training.recipes.universe.about import subject_spec


@dataclass(frozen=True)
class UniverseControlRecipe:
    kind: str = "universe_control"
    label: str = "Noise control"
    priority: Priority = Priority.ABOUT
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    keep_days: int | None = None
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = True
    needs_subject: bool = True
    verb: str = "control"
    subjects: tuple[str, ...] = ("universe", "walk", "walk_confirmation")
    execute: str = "training.recipes.universe_control.execute.execute"
    as_json: str = "training.recipes.universe_control.as_json.universe_controls_json"
    answer: str = "training.recipes.universe_control.schema.UniverseControlRun"
    page: str = "training.web.views.runs.show_subject"

    def parse(self, stored: Mapping[str, Any]) -> UniverseSpec | WalkSpec:
        return subject_spec(stored)

    def prepare(self, spec: UniverseSpec | WalkSpec) -> Prepared:
        """Of the members that the run had, whatever its universe holds by now."""
        return Prepared(universe=spec.universe)


RECIPE = UniverseControlRecipe()
