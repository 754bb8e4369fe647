"""The bars that a study may look at, and what to say where they don't do."""

from dataclasses import replace

from instruments.models import Series
from instruments.quant.features.candle import feature_set
from training.quant.candle.plan import NotTrainable
from training.quant.candle.spec import DEFAULT_FEATURE_SET, STEPS, CandleSpec, SpecError
from training.quant.search.plan import StudyPlan, plan_study
from training.recipes.candle.data import CandleData, candle_data
from training.recipes.study.spec import StudySpec


def study_data(series: Series, spec: CandleSpec) -> CandleData:
    """Bars from the warm-up before the training period of the oldest confirmation window on, long enough for the
    features of `steady` too."""
    names = (spec.feature_set, DEFAULT_FEATURE_SET["steady"])
    return candle_data(series, replace(spec, feature_set=max(names, key=_warmup)), steps=STEPS)


def study_plan(data: CandleData, spec: StudySpec) -> StudyPlan:
    """Raises SpecError with how much history is missing."""
    try:
        return plan_study(data.bars, decision=data.decision, spec=spec.run, folds=spec.folds)
    except NotTrainable as error:
        raise SpecError({"candle_date": [str(error)]}) from error


def _warmup(name: str) -> int:
    return feature_set(name).warmup
