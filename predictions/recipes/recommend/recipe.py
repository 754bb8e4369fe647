"""Recommendations of a universe: at its newest bar, on a past day, or a replay of many days."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from predictions.recipes.recommend.spec import RecommendSpec, Replay
from predictions.recommendations.days import Coverage, InSample, NotAdvisable, coverage_of, require_open, used_until
from predictions.recommendations.make import asked_models
from training.models import ModelVersion, Priority
from training.quant.candle.spec import SpecError
from training.recipes.base import MEMORY, Prepared


@dataclass(frozen=True)
class RecommendRecipe:
    kind: str = "recommend"
    label: str = "Recommend"
    priority: Priority = Priority.DATA
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    keep_days: int | None = 180
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = True
    needs_subject: bool = False
    execute: str = "predictions.recipes.recommend.execute.execute"
    as_json: str = "training.recipes.other.other_runs_json"
    answer: str = ""
    page: str = "predictions.web.views.asking.show_run"

    def parse(self, stored: Mapping[str, Any]) -> RecommendSpec:
        return RecommendSpec.from_dict(stored)

    def prepare(self, spec: RecommendSpec) -> Prepared:
        """Refuses what can't come to anything, unless a schedule asks: its run says it."""
        if spec.schedule is None:
            _require_possible(spec)
        return Prepared(universe=spec.universe)


def _require_possible(spec: RecommendSpec) -> None:
    field = "universe"
    try:
        covered = coverage_of(spec.universe)
        field = "version"
        models = asked_models(spec.universe, spec.version)
        field = "replay" if spec.replay else "as_of"
        if spec.replay:
            _require_open_days(spec.replay, covered, models)
            return
        for model in models:
            require_open(
                model, covered, date.fromisoformat(spec.as_of) if spec.as_of else None, in_sample=spec.in_sample
            )
    except NotAdvisable as error:
        hint = " With `in_sample` it is made all the same, flagged and never counted." * isinstance(error, InSample)
        raise SpecError({field: [f"{error}{hint}"]}) from error


def _require_open_days(replay: Replay, covered: Coverage, models: list[ModelVersion]) -> None:
    first = min(used_until(model) for model in models)
    if not any(first <= day < covered.newest for day in replay.period_ends()):
        raise NotAdvisable(
            f"No day from {replay.first} to {replay.last} is open to replay: bars end on {covered.newest}, and the "
            f"model has seen outcomes up to {first}. Train one as of an earlier day to replay the days since."
        )


RECIPE = RecommendRecipe()
