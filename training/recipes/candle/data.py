"""The bars that a candle run may look at, and what to say where they don't do."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db.models import QuerySet

from instruments.models import PriceBar, Series
from instruments.quant.bars import Bars
from instruments.quant.features.candle import FEATURE_SETS
from instruments.store.read_bars import UnknownSeries, load_bars, series_get
from training.quant.candle.plan import CandlePlan, plan_candle
from training.quant.candle.spec import CandleSpec, SpecError, format_time
from training.quant.candle.split import MIN_TRAIN_ROWS, training_start


@dataclass(frozen=True)
class CandleData:
    """Adjusted bars from the warm-up before the training period to the last test outcome: nothing later is loaded."""

    series: Series
    bars: Bars
    decision: int  # position of the selected candle in `bars`


def candle_series(spec: CandleSpec) -> Series:
    """The series that a spec names; SpecError under `symbol` where there is none."""
    try:
        return series_get(spec.symbol, spec.timeframe)
    except UnknownSeries as error:
        raise SpecError({"symbol": [str(error)]}) from error


def candle_data(series: Series, spec: CandleSpec, *, steps: int = 0) -> CandleData:
    """Bars for a run, and for `steps` walk-forward steps of a test window before it.

    Raises SpecError naming the nearest candles where the spec's date is none.
    """
    candle = spec.candle_at
    stored = PriceBar.objects.filter(series=series)
    following = _times(stored.filter(timestamp__gt=candle).order_by("timestamp")[: spec.test_window_size])
    back = steps * spec.test_window_size
    earlier = _times(stored.filter(timestamp__lt=candle).order_by("-timestamp")[:back])
    bars = load_bars(
        series,
        start=training_start(earlier[-1] if earlier else candle, spec.train_years),
        end=following[-1] if following else candle,
        before=FEATURE_SETS[spec.feature_set].warmup,
    ).adjusted()
    decision = int(np.searchsorted(bars.time, int(candle.timestamp())))
    if decision == len(bars) or bars.time[decision] != int(candle.timestamp()):
        raise SpecError({"candle_date": [_no_candle(stored, series, candle)]})
    return CandleData(series, bars, decision)


def candle_plan(data: CandleData, spec: CandleSpec) -> CandlePlan:
    return plan_candle(data.bars, decision=data.decision, spec=spec)


def require_plan(data: CandleData, plan: CandlePlan, spec: CandleSpec) -> None:
    """SpecError with what is missing and the nearest candle that would do."""
    if plan.problem:
        raise SpecError({"candle_date": [" ".join(filter(None, (plan.problem, nearest_trainable(data, plan, spec))))]})


def candle_preview(spec: CandleSpec) -> dict[str, Any]:
    """What a click would use: parts with rows, times and classes; `problem` where it would not do."""
    data = candle_data(candle_series(spec), spec)
    plan = candle_plan(data, spec)
    nearest = nearest_trainable(data, plan, spec) if plan.problem else ""
    return {**plan.as_dict(), "problem": f"{plan.problem} {nearest}".strip()}


def nearest_trainable(data: CandleData, plan: CandlePlan, spec: CandleSpec) -> str:
    """A sentence with the nearest date that would do, where history or future is what is missing; else ""."""
    stored = PriceBar.objects.filter(series=data.series)
    if plan.usable_rows < MIN_TRAIN_ROWS:
        if not plan.limited_by_history:
            return ""
        needed = FEATURE_SETS[spec.feature_set].warmup + MIN_TRAIN_ROWS
        found = _times(stored.order_by("timestamp")[needed : needed + 1])
        return f"The first candle that would do is {format_time(found[0])}." if found else _too_small(needed, data)
    if plan.missing_after and not spec.live:
        w = spec.test_window_size
        found = _times(stored.order_by("-timestamp")[w : w + 1])
        return f"The last candle that would do is {format_time(found[0])}." if found else ""
    return ""


def _too_small(needed: int, data: CandleData) -> str:
    return f"The whole series has {data.series.rows} candles and {needed + 1} are needed: import more history."


def _no_candle(stored: QuerySet[PriceBar], series: Series, candle: datetime) -> str:
    before = _times(stored.filter(timestamp__lt=candle).order_by("-timestamp")[:1])
    after = _times(stored.filter(timestamp__gt=candle).order_by("timestamp")[:1])
    nearest = " and ".join(format_time(time) for time in (*before, *after))
    if not nearest:
        return f"{series} has no candles yet. Import some: `python manage.py import_bars FILE`."
    return f"{format_time(candle)} is no candle of {series}. The nearest: {nearest} (times are UTC)."


def _times(bars: QuerySet[PriceBar]) -> list[datetime]:
    return [time.astimezone(UTC) for time in bars.values_list("timestamp", flat=True)]
