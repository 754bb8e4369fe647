"""What runs about a universe run or a walk share: their subject's settings, and how their JSON begins."""

from collections.abc import Mapping
from typing import Annotated, Any

from boursomatic.shared.records import about, choice
from training.models import TrainingRun
from training.quant.universe.spec import RECIPES, SCORES, UniverseSpec
from training.quant.walk_forward.spec import WalkSpec
from training.recipes.head import run_head
from training.recipes.schema import RunHead
from training.recipes.universe.as_json import recipe_json


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
