"""What the meta-predictor learns from: the team's own studies, each with the state of its market."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db.models import QuerySet

from instruments.models import Series
from instruments.store.read_bars import load_candles
from training.models import MetaState, Status, StudyTrial, TrainingRun, TrialState
from training.quant.candle.spec import DEFAULT_FEATURE_SET, CandleSpec, parse_time
from training.quant.candle.split import training_start
from training.quant.labels import up_label
from training.quant.search.market_state import BARS_NEEDED, STATE, Floats, market_state
from training.quant.search.meta import PARAMS, MetaDataset, param_vector
from training.recipes.study.recipe import RECIPE as STUDY
from training.recipes.study.schema import StudyResult


def learnable() -> QuerySet[TrainingRun]:
    """Completed studies with the features of `steady`, so that skill is the parameters' own; those on rotated labels
    have nothing to teach."""
    studies = TrainingRun.objects.existing().filter(kind=STUDY.kind, status=Status.COMPLETED)
    own = studies.filter(feature_set=DEFAULT_FEATURE_SET["steady"], config__rotated=False)
    return own.select_related("series__instrument").order_by("id")


def state_at(series: Series, candle: datetime, *, train_years: float) -> Floats:
    """(s,) the market's state at a candle of `series`, for a run that trains on so many years; from no later bar."""
    start = training_start(candle, train_years)
    bars = load_candles(series, start=start, end=candle, before=BARS_NEEDED).candles.adjusted()
    labels = up_label(bars.close)[bars.time >= start.timestamp()]
    return market_state(bars, labels[~np.isnan(labels)], timeframe=series.timeframe)


def state_row(study: TrainingRun, candle: datetime, *, train_years: float) -> MetaState:
    """The state at the candle that a study stands at, to be stored with it."""
    assert study.series is not None
    state = state_at(study.series, candle, train_years=train_years)
    return MetaState(study=study, state=[None if np.isnan(value) else value for value in state.tolist()])


def meta_dataset() -> MetaDataset:
    """All trials of studies whose state is stored, by the number of their row."""
    states = MetaState.objects.filter(study__in=learnable()).select_related("study__series").order_by("study")
    studies = [(row, StudyResult.read(row.study.result)) for row in states]
    scored = [(row, result) for row, result in studies if result.steady.inner is not None]
    place = {row.study_id: number for number, (row, _) in enumerate(scored)}
    steady = [result.steady.inner or 0.0 for _, result in scored]
    trials = StudyTrial.objects.filter(study__in=place, state=TrialState.COMPLETE).order_by("study", "number")
    rows = list(trials.values_list("study", "pk", "params", "rounds", "inner"))
    study = np.array([place[name] for name, *_ in rows], dtype=np.int64)
    series = [row.study.series for row, _ in scored]
    return MetaDataset(
        state=_matrix([[np.nan if value is None else value for value in row.state] for row, _ in scored], len(STATE)),
        candle=_seconds([parse_time(result.decision) for _, result in scored]),
        seen_until=_seconds([parse_time(result.seen_until) for _, result in scored]),
        instrument=np.array([one.instrument_id if one else 0 for one in series], dtype=np.int64),
        series=np.array([one.pk if one else 0 for one in series], dtype=np.int64),
        study=study,
        trial=np.array([pk for _, pk, *_ in rows], dtype=np.int64),
        params=_matrix([param_vector(params, rounds or 1) for *_, params, rounds, _ in rows], len(PARAMS)),
        skill=np.array([steady[at] - inner for at, (*_, inner) in zip(study, rows, strict=True)], dtype=np.float64),
    )


def spec_with(spec: CandleSpec, params: Mapping[str, float]) -> CandleSpec:
    """The same run with the params and rounds of a trial, as honest trees."""
    values: dict[str, Any] = {"lambda_l2": None, "columns": None, **params}
    return replace(spec, protocol="honest", model="lightgbm", **values)


def _matrix(rows: Sequence[Sequence[float] | Floats], columns: int) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(len(rows), columns)


def _seconds(moments: Sequence[datetime]) -> np.ndarray:
    return np.array([int(moment.astimezone(UTC).timestamp()) for moment in moments], dtype=np.int64)
