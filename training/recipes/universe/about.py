"""What runs about a universe run or a walk share: their recipe, their subject's settings, how their JSON begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from boursomatic.shared.records import about, choice
from training.models import Priority, TrainingRun
from training.quant.universe.spec import RECIPES, SCORES, UniverseSpec
from training.quant.walk_forward.spec import WalkSpec
from training.recipes.base import MEMORY, Prepared
from training.recipes.head import run_head
from training.recipes.schema import RunHead
from training.recipes.universe.as_json import recipe_json


@dataclass(frozen=True)
class UniverseAboutRecipe:
    """A recipe of runs about finished ones over a universe."""

    kind: str
    label: str
    verb: str
    execute: str
    as_json: str
    answer: str
    priority: Priority = Priority.ABOUT
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    copies: int = 2
    keep_days: int | None = None
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = True
    needs_subject: bool = True
    subjects: tuple[str, ...] = ("universe", "walk", "walk_confirmation")
    page: str = "training.web.views.runs.show_subject"

    def parse(self, stored: Mapping[str, Any]) -> UniverseSpec | WalkSpec:
        return subject_spec(stored)

    def prepare(self, spec: UniverseSpec | WalkSpec) -> Prepared:
        """Of the members that the run had, whatever its universe holds by now."""
        return Prepared(universe=spec.universe)


class UniverseAboutHead(RunHead):
    """A run about another one over a universe."""

    universe: str
    timeframe: Annotated[str, about("1d")]
    recipe: Annotated[str, choice(RECIPES)]
    score: Annotated[str, choice(SCORES, "The model of record; null for phase22")] | None
    subject: Annotated[str, about("Run id of the run that it is about")]
    config: Annotated[dict[str, Any], about("That of the run which it is about")]


def subject_spec(stored: Mapping[str, Any]) -> UniverseSpec | WalkSpec:
    """A walk where folds are among the settings."""
    return WalkSpec.from_dict(stored) if "folds" in stored else UniverseSpec.from_dict(stored)


def universe_about_head(run: TrainingRun) -> dict[str, Any]:
    """The fields of UniverseAboutHead."""
    assert run.subject is not None
    spec = UniverseSpec.from_dict(run.config)
    head = {"universe": spec.universe, "timeframe": "1d", "subject": run.subject.run_id, "config": run.config}
    return {**run_head(run), **head, **recipe_json(spec)}
