"""A universe trained again as of its last bar with its champion's settings; the model becomes the challenger."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from instruments.universes import UnknownUniverse, universe_series
from predictions.recipes.spec import UniverseJobSpec
from predictions.recommendations.make import active_models
from training.models import Priority
from training.quant.universe.spec import UniverseSpec
from training.recipes.base import MEMORY, ChildRun, Prepared


@dataclass(frozen=True)
class RetrainRecipe:
    kind: str = "retrain"
    label: str = "Retrain"
    priority: Priority = Priority.DATA
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    keep_days: int | None = None
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = False
    needs_subject: bool = False
    execute: str = "predictions.recipes.retrain.execute.combine"
    as_json: str = "training.recipes.other.other_runs_json"
    answer: str = ""
    page: str = "training.web.views.runs.show"
    on_part_failure: Literal["fail", "combine_without"] = "combine_without"  # without its walk it is not confirmed

    def parse(self, stored: Mapping[str, Any]) -> UniverseJobSpec:
        return UniverseJobSpec.from_dict(stored)

    def prepare(self, spec: UniverseJobSpec) -> Prepared:
        return Prepared(universe=spec.universe)

    def parts(self, spec: UniverseJobSpec) -> list[ChildRun]:
        try:
            universe_series(spec.universe)
        except UnknownUniverse:
            return []  # which `combine` says
        champion = next(iter(active_models(spec.universe)), None)
        config = {**champion.run.config, "as_of": None, "confirm": True} if champion else {"universe": spec.universe}
        return [ChildRun(UniverseSpec.from_dict(config))]


RECIPE = RetrainRecipe()
