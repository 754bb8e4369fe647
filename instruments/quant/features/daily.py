"""The features of a universe: one named, versioned set over daily bars, each from its own bar and earlier ones only.

Computed for many instruments side by side. Arrays are (T, N): column j holds the bars of instrument j from its own
first bar on, NaN below its last. So a window counts the instrument's own bars, whatever days the others traded on, and
no instrument touches another. Prices are adjusted, volume is as traded. A value is the same to the last bit alone,
among others, and after more bars have been added (`rolling.py`). Where a window reaches before the first bar, the value
is NaN; nowhere else.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.rolling import change, deviation, exponential, mean, wilder, windowed

Floats = NDArray[np.float64]
Named = Iterator[tuple[str, Floats]]  # features by name, (T, N) each

FEATURE_SET, VERSION = "daily", 1
DAY = 86_400
LOOK_BACK = 800  # bars that decide the last row: windows take 252, and what is 500 older weighs < 2**-53 in any mean
_IN_CACHE = 32  # instruments whose windows are computed at a time
CORE_WINDOW = 60  # a row may be trained on when its features of windows up to this are defined


@dataclass(frozen=True)
class PriceMatrix:
    """Bars of N instruments side by side, (T, N); `time` is 0 where prices are NaN, `rows` (N,) counts the bars."""

    time: NDArray[np.int64]
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class DailyFeature:
    """`formula` in words, `window` in bars, `first_valid`: the index of the first bar that has it."""

    name: str
    formula: str
    window: int
    first_valid: int


def get_feature_columns() -> tuple[str, ...]:
    """The stored features in their order: the one list that table, loading and docs go by."""
    return tuple(feature.name for feature in DAILY_FEATURES)


def side_by_side(many: Sequence[Bars]) -> PriceMatrix:
    """Bars of several instruments (adjusted, each ascending) as one block, each from row 0 on."""
    rows = np.array([len(bars) for bars in many], dtype=np.int64)
    shape = (len(many), int(rows.max(initial=0)))
    columns = {name: np.full(shape, np.nan) for name in ("high", "low", "close", "volume")}
    time = np.zeros(shape, dtype=np.int64)
    for j, bars in enumerate(many):
        time[j, : len(bars)] = bars.time
        for name, column in columns.items():
            column[j, : len(bars)] = getattr(bars, name)
    turned = {name: np.ascontiguousarray(column.T) for name, column in columns.items()}
    return PriceMatrix(time=np.ascontiguousarray(time.T), **turned, rows=rows)


def daily_features(many: Sequence[Bars], kind: DTypeLike = np.float64) -> list[NDArray[Any]]:
    """For each instrument a (its bars, k) matrix, columns as `get_feature_columns`, each contiguous. Computed in
    float64; another `kind` is what they are rounded to at the end."""
    matrix = side_by_side(many)
    place = {name: k for k, name in enumerate(get_feature_columns())}
    whole = np.empty((len(place), *matrix.close.T.shape), dtype=kind)
    for name, values in _recursive(matrix):  # a step of Python's for each bar: all instruments at once
        whole[place[name]] = values.T
    for start in range(0, len(many), _IN_CACHE):
        some = slice(start, start + _IN_CACHE)  # many passes over few numbers, which the processor keeps at hand
        part = side_by_side(many[some])
        for name, values in _windows(part):
            whole[place[name], some, : len(values)] = values.T
    return [whole[:, j, :rows].T for j, rows in enumerate(matrix.rows.tolist())]


def last_features(many: Sequence[Bars]) -> Floats:
    """(N, k): the last row of each matrix of `daily_features`, to the last bit, in a fraction of its time: a window
    looks at its own bars only; what is recursive runs over all of them. NaN rows for no bars."""
    recent = side_by_side([bars.slice(max(0, len(bars) - _LONGEST), len(bars)) for bars in many])
    whole = side_by_side(many)
    out = np.full((len(many), len(DAILY_FEATURES)), np.nan)
    place = {name: k for k, name in enumerate(get_feature_columns())}
    for matrix, features in ((recent, _windows(recent)), (whole, _recursive(whole))):
        some = np.flatnonzero(matrix.rows)
        for name, values in features:
            out[some, place[name]] = values[matrix.rows[some] - 1, some]
    return out


def day_ranks(day: NDArray[np.int64], values: Floats) -> Floats:
    """Rank of each value among those of its day, (midrank - 0.5) / number, 0 to 1; NaN where the value is NaN.

    It depends on who else is in the universe, so it is made when one is loaded and never stored. `day`, `values`: (n,).
    """
    out = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return out
    ascending = known[np.argsort(values[known])]
    place = day[ascending] - day[ascending].min()
    small = np.min_scalar_type(place.max())  # up to 16 bits are sorted without comparing
    order = ascending[np.argsort(place.astype(small), kind="stable")]
    d, v = day[order], values[order]
    new_day = np.concatenate(([True], d[1:] != d[:-1]))
    new_value = new_day | np.concatenate(([True], v[1:] != v[:-1]))
    starts, ties = np.flatnonzero(new_day), np.flatnonzero(new_value)
    sizes = np.diff(np.append(starts, len(order)))
    middle = (ties + np.append(ties[1:], len(order))) / 2.0  # between the first and past the last of equal values
    own_day = np.cumsum(new_day) - 1
    out[order] = (middle[np.cumsum(new_value) - 1] - starts[own_day]) / sizes[own_day]
    return out


def _ratio(top: Floats, bottom: Floats, otherwise: float) -> Floats:
    """top / bottom, `otherwise` where bottom is 0; NaN where either is."""
    if bottom.all():  # NaN is true
        return top / bottom
    out = np.where(np.isnan(top), np.nan, otherwise)
    np.divide(top, bottom, out=out, where=bottom != 0.0)
    return out


def rsi_and_atr(matrix: PriceMatrix) -> tuple[Floats, Floats]:
    """RSI 14 (0 to 100) and the mean true range of 14 in prices, from three means side by side."""
    close = matrix.close
    moves = np.full(close.shape, np.nan)
    moves[1:] = close[1:] - close[:-1]
    three = (np.maximum(moves, 0.0), np.maximum(-moves, 0.0), _true_range(matrix))
    ups, downs, ranges = np.split(wilder(np.concatenate(three, axis=1), 14), 3, axis=1)
    return 100.0 * _ratio(ups, ups + downs, 0.5), ranges


def _true_range(matrix: PriceMatrix) -> Floats:
    out = matrix.high - matrix.low
    before, later = matrix.close[:-1], out[1:]
    np.maximum(later, np.abs(matrix.high[1:] - before), out=later)
    np.maximum(later, np.abs(matrix.low[1:] - before), out=later)
    return out


def macd_lines(close: Floats) -> tuple[Floats, Floats, Floats]:
    """MACD 12, 26, its signal 9, and the one less the other, in prices."""
    spans = np.repeat([12.0, 26.0], close.shape[1])  # side by side, because each bar is a step of Python's
    quick, slow = np.split(exponential(np.concatenate([close, close], axis=1), spans), 2, axis=1)
    macd = quick - slow
    signal = exponential(macd, 9)
    macd[:25] = np.nan
    signal[:33] = np.nan
    return macd, signal, macd - signal


def bollinger(close: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation (divisor 20) of the last 20 closes."""
    return mean(close, 20), deviation(close, 20, ddof=0)


def _recursive(matrix: PriceMatrix) -> Named:
    """What looks back to the first bar: an exponential mean never forgets quite."""
    rsi, atr = rsi_and_atr(matrix)
    macd, signal, histogram = macd_lines(matrix.close)
    yield "rsi_14", rsi
    for name, values in (("atr_14", atr), ("macd", macd), ("macd_signal", signal), ("macd_histogram", histogram)):
        yield name, values / matrix.close


def _windows(matrix: PriceMatrix) -> Named:
    """What looks at its own window of bars and no further back. One at a time, so that little memory is in use."""
    yield from _trend(matrix)
    yield from _spread(matrix)
    yield from _place(matrix)
    yield from _volume(matrix)
    yield from _calendar(matrix)


def _trend(matrix: PriceMatrix) -> Named:
    close = matrix.close
    for k in (1, 5, 10, 20, 60, 120):
        yield f"return_{k}", change(close, k)
    means = {window: mean(close, window) for window in (5, 10, 20, 50, 200)}
    for window, average in means.items():
        yield f"ma_distance_{window}", close / average - 1.0
    for a, b in ((5, 20), (20, 50), (50, 200)):
        yield f"ma_cross_{a}_{b}", means[a] / means[b] - 1.0


def _spread(matrix: PriceMatrix) -> Named:
    close, returns = matrix.close, change(matrix.close, 1)
    for window in (10, 20, 60):
        yield f"volatility_{window}", deviation(returns, window, ddof=1)
    middle, band = bollinger(close)
    yield "bollinger_position", _ratio(close - (middle - 2.0 * band), 4.0 * band, 0.5)
    yield "bollinger_width", 4.0 * band / middle


def _place(matrix: PriceMatrix) -> Named:
    for window in (20, 252):
        low = windowed(np.minimum, matrix.low, window)
        high = windowed(np.maximum, matrix.high, window)
        yield f"range_position_{window}", _ratio(matrix.close - low, high - low, 0.5)
    yield "drawdown_252", matrix.close / high - 1.0


def _volume(matrix: PriceMatrix) -> Named:
    baseline = mean(matrix.volume, 20)
    yield "volume_zscore_20", _ratio(matrix.volume - baseline, deviation(matrix.volume, 20, ddof=0), 0.0)
    yield "volume_ratio_20", _ratio(matrix.volume, baseline, 1.0)


def _calendar(matrix: PriceMatrix) -> Named:
    day = matrix.time // DAY
    first = int(day.min(initial=0))
    dates = _dates(first, int(day.max(initial=0)))
    day -= first
    missing = np.isnan(matrix.close)
    for name, of_date in zip(CALENDAR, dates, strict=True):
        values = of_date.take(day)
        if missing.any():
            values[missing] = np.nan
        yield name, values


@lru_cache(maxsize=8)
def _dates(first: int, last: int) -> tuple[Floats, Floats]:
    """Weekday and month of these days: each taken apart once, for that is slow."""
    days = np.arange(first, last + 1)
    month = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    return ((days + 3) % 7).astype(np.float64), month.astype(np.float64)


def _set() -> tuple[DailyFeature, ...]:
    features = [
        *(DailyFeature(f"return_{k}", f"close / close {k} bars before - 1", k + 1, k) for k in (1, 5, 10, 20, 60, 120)),
        *(
            DailyFeature(f"volatility_{w}", f"sample deviation of the last {w} one-bar returns", w + 1, w)
            for w in (10, 20, 60)
        ),
        *(DailyFeature(f"ma_distance_{w}", f"close / mean of {w} closes - 1", w, w - 1) for w in (5, 10, 20, 50, 200)),
        *(
            DailyFeature(f"ma_cross_{a}_{b}", f"mean of {a} closes / mean of {b} closes - 1", b, b - 1)
            for a, b in ((5, 20), (20, 50), (50, 200))
        ),
        DailyFeature("rsi_14", "100 x Wilder's mean gain / (mean gain + mean loss) over 14; 50 for no moves", 15, 14),
        DailyFeature("macd", "(exponential mean 12 - exponential mean 26 of closes) / close", 26, 25),
        DailyFeature("macd_signal", "exponential mean 9 of the MACD / close", 34, 33),
        DailyFeature("macd_histogram", "(MACD - its signal) / close", 34, 33),
        DailyFeature("atr_14", "Wilder's mean true range over 14 / close", 15, 14),
        DailyFeature(
            "bollinger_position", "(close - (mean 20 - 2 sd)) / (4 sd), sd of 20 closes; 0.5 for sd 0", 20, 19
        ),
        DailyFeature("bollinger_width", "4 sd / mean of 20 closes, sd with divisor 20", 20, 19),
        DailyFeature("volume_zscore_20", "(volume - mean 20) / sd 20 of volumes, divisor 20; 0 for sd 0", 20, 19),
        DailyFeature("volume_ratio_20", "volume / mean of 20 volumes; 1 where that is 0", 20, 19),
        *(
            DailyFeature(
                f"range_position_{w}", f"(close - lowest) / (highest - lowest) of {w} bars; 0.5 if equal", w, w - 1
            )
            for w in (20, 252)
        ),
        DailyFeature("drawdown_252", "close / highest high of 252 bars - 1", 252, 251),
        DailyFeature("day_of_week", "0 Monday to 6 Sunday, of the bar's date", 1, 0),
        DailyFeature("month", "1 to 12, of the bar's date", 1, 0),
    ]
    return tuple(features)


DAILY_FEATURES = _set()
_LONGEST = max(feature.window for feature in DAILY_FEATURES)
CALENDAR = ("day_of_week", "month")  # the same for all instruments of a day
CORE = tuple(feature.name for feature in DAILY_FEATURES if feature.first_valid <= CORE_WINDOW)
RANKED = ("return_5", "return_20", "volatility_20", "rsi_14", "volume_ratio_20")
