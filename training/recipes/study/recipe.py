"""A study: better settings for a candle run, looked for in what lies before its confirmation. PROTOCOL §7.2."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from training.models import Priority
from training.recipes.base import MEMORY, Prepared
from training.recipes.candle.data import candle_series
from training.recipes.candle.recipe import RECIPE as CANDLE
from training.recipes.study.data import study_data, study_plan
from training.recipes.study.spec import StudySpec


@dataclass(frozen=True)
class StudyRecipe:
    kind: str = "study"
    label: str = "Study"
    priority: Priority = Priority.CLICK
    time_limit_s: float = 1800.0
    memory: int = MEMORY
    keep_days: int | None = None
    is_listed: bool = False
    only_by_kind: bool = True
    counts_as_active: bool = True
    needs_subject: bool = False
    execute: str = "training.recipes.study.execute.execute"
    as_json: str = "training.recipes.study.as_json.study_runs_json"
    answer: str = "training.recipes.study.schema.StudyRun"
    page: str = "training.web.views.study.show"

    def parse(self, stored: Mapping[str, Any]) -> StudySpec:
        return StudySpec.from_dict(stored)

    def prepare(self, spec: StudySpec) -> Prepared:
        """As of the run that it is for. Raises SpecError where that can't be made, or has too little history before the
        windows that confirm it."""
        prepared = CANDLE.prepare(spec.run)
        study_plan(study_data(candle_series(spec.run), spec.run), spec)
        return prepared


RECIPE = StudyRecipe()
