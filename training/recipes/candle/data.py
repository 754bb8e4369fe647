"""The bars that a candle run may look at, and what to say where they don't do."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.utils.text import capfirst
from numpy.typing import NDArray

from instruments.models import Series
from instruments.quant.bars import Bars, Seconds
from instruments.quant.features.candle import feature_set
from instruments.store.read_bars import MarkedBars, UnknownSeries, load_candles, load_marked, series_get, time_before
from training.evidence.trials import next_k
from training.quant.candle.outcomes import candle_label
from training.quant.candle.plan import NO_STALE, CandlePlan, plan_candle
from training.quant.candle.spec import ROWS_RULE, CandleSpec, SpecError, format_time
from training.quant.candle.split import MIN_TRAIN_ROWS, training_start
from training.quant.candle.verdict import next_trial_text, visible_auc_text
from training.quant.ensemble.spec import EnsembleSpec, trained_specs
from training.quant.stats.significance import smallest_visible_auc

Rows = NDArray[np.int64]
YEAR = timedelta(days=365.2425)
A_WEEK = 0.02  # years: months differ in length


@dataclass(frozen=True)
class CandleData:
    """Adjusted bars from the warm-up before the training period to the last test outcome: nothing later is used.

    `bars` has no stale ones (those were at `stale_time`), unless the spec is of the first rule. `hashed`: what the data
    hash is made of, stale bars among them: as many stored bars after the candle as gap and test window have rows.
    """

    series: Series
    bars: Bars
    decision: int  # position of the selected candle in `bars`
    stale_time: Seconds
    hashed: Bars


def candle_series(spec: CandleSpec | EnsembleSpec) -> Series:
    """The series that a spec names; SpecError under `symbol` where there is none."""
    try:
        return series_get(spec.symbol, spec.timeframe)
    except UnknownSeries as error:
        raise SpecError({"symbol": [str(error)]}) from error


def candle_data(series: Series, spec: CandleSpec, *, steps: int = 0) -> CandleData:
    """Bars for a run, and for `steps` walk-forward steps of a test window before it.

    Raises SpecError naming the nearest candles where the spec's date is none.
    """
    load = load_marked if spec.by_first_rule else load_candles
    warmup, needed = feature_set(spec.feature_set).warmup, spec.rows_after
    back, after = steps * spec.test_window_size, needed
    while True:  # again only where some of the bars are stale or unmoved, so that more of them are needed
        earliest = time_before(series, spec.candle_at, back) if steps else spec.candle_at  # None: there are fewer
        start = training_start(earliest, spec.train_years) if earliest else None
        marked = load(series, start=start, end=spec.candle_at, before=warmup, after=after)
        bars = (marked.bars if spec.by_first_rule else marked.candles).adjusted()
        decision = _position(series, marked, bars, spec)
        rows = np.flatnonzero(~np.isnan(candle_label(bars, spec)))
        own_row = int(np.searchsorted(rows, decision))
        oldest = _decision_before(bars, rows, own_row - steps * spec.test_window_size) if steps else spec.candle_at
        lacks_before = earliest is not None and (oldest is None or oldest < earliest)
        lacks_after = len(rows) - own_row < needed and len(bars) - 1 - decision == after
        if not (lacks_before or lacks_after):
            break
        back *= 2 if lacks_before else 1
        after *= 2 if lacks_after else 1
    first = max(0, _place(bars, training_start(oldest, spec.train_years)) - warmup) if oldest else 0
    stop = int(rows[own_row + needed - 1]) + 2 if own_row + needed <= len(rows) else len(bars)
    used = bars.slice(first, stop)
    return CandleData(
        series=series,
        bars=used,
        decision=decision - first,
        stale_time=NO_STALE if spec.by_first_rule else marked.stale_time,
        hashed=used if len(used) == len(marked.stored) else _first_rule_bars(marked, spec),
    )


def rule_matters(data: CandleData, spec: CandleSpec) -> bool:
    """Whether a run of the first rule would look at other candles or outcomes if it were made by today's."""
    try:
        todays_spec = replace(spec, rows_rule=ROWS_RULE)
        today = candle_data(data.series, todays_spec)
    except SpecError:
        return True  # its candle is stale
    return len(today.bars) != len(data.bars) or bool(np.isnan(candle_label(today.bars, todays_spec)[:-1]).any())


def _decision_before(bars: Bars, rows: Rows, row: int) -> datetime | None:
    return _moment(bars.time[rows[row]]) if row >= 0 else None


def _first_rule_bars(marked: MarkedBars, spec: CandleSpec) -> Bars:
    """Adjusted bars that a run of the first rule looks at."""
    stored, warmup = marked.bars, feature_set(spec.feature_set).warmup
    first = max(0, _place(stored, training_start(spec.candle_at, spec.train_years)) - warmup)
    return stored.slice(first, _place(stored, spec.candle_at) + 1 + spec.rows_after).adjusted()


def _position(series: Series, marked: MarkedBars, bars: Bars, spec: CandleSpec) -> int:
    """Where the spec's candle is in `bars`. Raises SpecError."""
    decision = _place(bars, spec.candle_at)
    if decision < len(bars) and _moment(bars.time[decision]) == spec.candle_at:
        return decision
    is_stale = int(spec.candle_at.timestamp()) in marked.stale_time
    raise SpecError({"candle_date": [_no_candle(series, spec.candle_at, is_stale=is_stale)]})


def widest_spec(spec: CandleSpec | EnsembleSpec) -> CandleSpec:
    """What has the bars of all that is trained at its candle: the longest training period and warm-up among them."""
    specs = trained_specs(spec)
    years = max(_years_back(one, spec.candle_at) for one in specs)
    widest = max((one.feature_set for one in specs), key=lambda name: feature_set(name).warmup)
    return replace(specs[0], train_years=years, feature_set=widest)


def _years_back(spec: CandleSpec, candle: datetime) -> float:
    """From a candle to where the training of a spec begins that stands at an earlier one."""
    before = (candle - spec.candle_at) / YEAR
    return spec.train_years + (before + A_WEEK if before else 0.0)


def candle_plan(data: CandleData, spec: CandleSpec) -> CandlePlan:
    return plan_candle(data.bars, decision=data.decision, spec=spec, stale_time=data.stale_time)


def require_plan(data: CandleData, plan: CandlePlan, spec: CandleSpec) -> None:
    """SpecError with what is missing and the nearest candle that would do."""
    if plan.problem:
        sentence = " ".join(filter(None, (plan.problem, nearest_trainable(data, plan, spec))))
        raise SpecError({plan.problem_field: [sentence]})


def candle_preview(spec: CandleSpec) -> dict[str, Any]:
    """What a click would use: parts with rows, times and classes; `problem` where it would not do, else what is known
    `before_start` of its verdict."""
    data = candle_data(candle_series(spec), spec)
    plan = candle_plan(data, spec)
    nearest = nearest_trainable(data, plan, spec) if plan.problem else ""
    return {
        **plan.as_dict(),
        "problem": f"{plan.problem} {nearest}".strip(),
        "before_start": [] if plan.problem else _before_start(data.series, spec),
    }


def _before_start(series: Series, spec: CandleSpec) -> list[str]:
    """What the verdict will need, and what the test window can show where half of its candles rise."""
    sentences = [next_trial_text(next_k(series), spec.symbol)]
    if not spec.live:
        rows = spec.windows * spec.test_window_size
        visible = smallest_visible_auc(rows // 2, rows - rows // 2)
        sentences += [visible_auc_text(rows, visible)] if visible else []
    return [f"{capfirst(sentence)}." for sentence in sentences]


def nearest_trainable(data: CandleData, plan: CandlePlan, spec: CandleSpec) -> str:
    """A sentence with the nearest date that would do, where history or future is what is missing; else ""."""
    if plan.usable_rows < MIN_TRAIN_ROWS:
        if not plan.limited_by_history:
            return ""
        first = _first_trainable(data.series, spec)
        return f"The first candle that would do is {format_time(first)}." if first else _too_small(data, spec)
    if plan.missing_after and not spec.live:
        last = _last_trainable(data.series, spec)
        return f"The last candle that would do is {format_time(last)}." if last else ""
    return ""


def _first_trainable(series: Series, spec: CandleSpec) -> datetime | None:
    """The first candle with enough training rows before it, whose features are defined."""
    warmup = feature_set(spec.feature_set).warmup
    after = warmup + MIN_TRAIN_ROWS
    while True:
        bars = load_candles(series, end=series.first, after=after).candles.adjusted()
        rows = np.flatnonzero(~np.isnan(candle_label(bars, spec)))
        last = int(np.searchsorted(rows, warmup)) + MIN_TRAIN_ROWS - 1
        if last < len(rows):
            return _moment(bars.time[rows[last] + 1])
        if len(bars) <= after:
            return None
        after += after


def _last_trainable(series: Series, spec: CandleSpec) -> datetime | None:
    """The last candle with the outcomes of gap and test windows from it on."""
    before = spec.rows_after
    while True:
        bars = load_candles(series, start=series.last, before=before).candles.adjusted()
        rows = np.flatnonzero(~np.isnan(candle_label(bars, spec)))
        if len(rows) >= spec.rows_after:
            return _moment(bars.time[rows[-spec.rows_after]])
        if len(bars) < before:
            return None
        before += before


def _too_small(data: CandleData, spec: CandleSpec) -> str:
    needed = feature_set(spec.feature_set).warmup + MIN_TRAIN_ROWS + 1
    return f"The whole series has {data.series.rows} candles and {needed} are needed: import more history."


def _no_candle(series: Series, candle: datetime, *, is_stale: bool) -> str:
    near = load_candles(series, start=candle, end=candle, before=1, after=1).candles.time
    at = int(np.searchsorted(near, candle.timestamp()))
    nearest = " and ".join(format_time(_moment(time)) for time in near[max(0, at - 1) : at + 1])
    if not nearest:
        return f"{series} has no candles yet. Upload some on the page Data."
    if is_stale:
        return (
            f"{format_time(candle)} is a stale bar of {series}, its price only carried forward: it is no candle. "
            f"The nearest: {nearest} (times are UTC)."
        )
    return f"{format_time(candle)} is no candle of {series}. The nearest: {nearest} (times are UTC)."


def _place(bars: Bars, moment: datetime) -> int:
    return int(np.searchsorted(bars.time, int(moment.timestamp())))


def _moment(seconds: np.int64) -> datetime:
    return datetime.fromtimestamp(int(seconds), tz=UTC)
