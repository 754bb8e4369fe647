"""The features of a universe: one named, versioned set over daily bars, each from its own bar and earlier ones only.

Computed for many instruments side by side. Arrays are (T, N): column j holds the bars of instrument j from its own
first bar on, NaN below its last. So a window counts the instrument's own bars, whatever days the others traded on,
and no instrument touches another. Prices are adjusted, volume is as traded. Only + - * / and square root are used, in
an order that depends on nothing but the window: a value is the same to the last bit alone, among others, and after
more bars have been added. Where a window reaches before the first bar, the value is NaN; nowhere else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars

Floats = NDArray[np.float64]

FEATURE_SET, VERSION = "daily", 1
DAY = 86_400
LOOK_BACK = 800  # bars that decide the last row: windows take 252, and what is 500 older weighs < 2**-53 in any mean
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
    shape = (int(rows.max(initial=0)), len(many))
    columns = {name: np.full(shape[::-1], np.nan) for name in ("high", "low", "close", "volume")}
    time = np.zeros(shape[::-1], dtype=np.int64)
    for j, bars in enumerate(many):
        time[j, : len(bars)] = bars.time
        for name, column in columns.items():
            column[j, : len(bars)] = getattr(bars, name)
    turned = {name: np.ascontiguousarray(column.T) for name, column in columns.items()}
    return PriceMatrix(time=np.ascontiguousarray(time.T), **turned, rows=rows)


def daily_features(many: Sequence[Bars]) -> list[Floats]:
    """For each instrument a (its bars, k) matrix, columns as `get_feature_columns`, each contiguous."""
    matrix = side_by_side(many)
    found = {**_windows(matrix), **_recursive(matrix)}
    whole = np.empty((len(DAILY_FEATURES), len(many), len(matrix.time)))
    for column, feature in zip(whole, DAILY_FEATURES, strict=True):
        column[:] = found[feature.name].T
    return [whole[:, j, :rows].T for j, rows in enumerate(matrix.rows.tolist())]


def last_features(many: Sequence[Bars]) -> Floats:
    """(N, k): the last row of each matrix of `daily_features`, to the last bit, in a fraction of its time: a window
    looks at its own bars only; what is recursive runs over all of them. NaN rows for no bars."""
    recent = side_by_side([bars.slice(max(0, len(bars) - _LONGEST), len(bars)) for bars in many])
    whole = side_by_side(many)
    out = np.full((len(many), len(DAILY_FEATURES)), np.nan)
    for matrix, found in ((recent, _windows(recent)), (whole, _recursive(whole))):
        some = np.flatnonzero(matrix.rows)
        for k, feature in enumerate(DAILY_FEATURES):
            if feature.name in found:
                out[some, k] = found[feature.name][matrix.rows[some] - 1, some]
    return out


def day_ranks(day: NDArray[np.int64], values: Floats) -> Floats:
    """Rank of each value among those of its day, (midrank - 0.5) / number, 0 to 1; NaN where the value is NaN.

    It depends on who else is in the universe, so it is made when one is loaded and never stored. `day`, `values`: (n,).
    """
    out = np.full(len(values), np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.lexsort((values[known], day[known]))]
    if not len(order):
        return out
    d, v = day[order], values[order]
    new_day = np.concatenate(([True], d[1:] != d[:-1]))
    new_value = new_day | np.concatenate(([True], v[1:] != v[:-1]))
    starts, ties = np.flatnonzero(new_day), np.flatnonzero(new_value)
    sizes = np.diff(np.append(starts, len(order)))
    middle = (ties + np.append(ties[1:], len(order))) / 2.0  # between the first and past the last of equal values
    own_day = np.cumsum(new_day) - 1
    out[order] = (middle[np.cumsum(new_value) - 1] - starts[own_day]) / sizes[own_day]
    return out


def windowed(operation: Callable[[Any, Any], Any], values: NDArray[Any], window: int) -> Floats:
    """`operation` (add, maximum, minimum, logical_and) over the last `window` rows; NaN before. Powers of two, so
    log(window) steps, always in the same order."""
    out = np.full(values.shape, np.nan)
    if len(values) < window:
        return out
    combined: NDArray[Any] | None = None
    block, covered, size = values, 0, 1
    while True:
        if window & size:
            tail = block[covered:]
            combined = tail if combined is None else operation(combined[: len(tail)], tail)
            covered += size
        if covered == window:
            break
        block = operation(block[:-size], block[size:])
        size *= 2
    assert combined is not None
    out[window - 1 :] = combined
    return out


def mean(values: Floats, window: int) -> Floats:
    """Mean of the last `window` rows; NaN where one of them is."""
    return windowed(np.add, values, window) / window


def deviation(values: Floats, window: int, *, ddof: int) -> Floats:
    """Standard deviation of the last `window` rows, in two passes: no cancellation, and exactly 0 for equal values.
    NaN where one of them is."""
    out = np.full(values.shape, np.nan)
    if len(values) < window:
        return out
    size = len(values) - window + 1
    centre = mean(values, window)[window - 1 :]
    gap, squares = np.empty_like(centre), np.zeros_like(centre)
    for shift in range(window):
        np.subtract(values[shift : size + shift], centre, out=gap)
        gap *= gap
        squares += gap
    out[window - 1 :] = np.sqrt(squares / (window - ddof))
    if window > 1:
        alike = windowed(np.logical_and, values[1:] == values[:-1], window - 1)[window - 2 :]
        out[window - 1 :][alike == 1.0] = 0.0
    return out


def change(values: Floats, rows: int) -> Floats:
    """values_t / values_{t-rows} - 1."""
    out = np.full(values.shape, np.nan)
    out[rows:] = values[rows:] / values[:-rows] - 1.0 if len(values) > rows else out[rows:]
    return out


def exponential(values: Floats, span: int | Floats) -> Floats:
    """Exponential mean with weight 2 / (span + 1), begun at the first value; one span, or one for each column."""
    weight = 2.0 / (span + 1.0)
    out, rest = weight * values, 1.0 - weight
    out[:1] = values[:1]
    old = np.empty(values.shape[1:])
    for t in range(1, len(values)):
        np.multiply(out[t - 1], rest, out=old)
        out[t] += old
    return out


def wilder(values: Floats, window: int) -> Floats:
    """Wilder's mean of values 1 …: the plain mean of the first `window`, then (window - 1) parts old to 1 part new.
    Row 0 is left out (changes have none); first valid at row `window`."""
    out = np.full(values.shape, np.nan)
    if len(values) > window:
        out[window] = windowed(np.add, values[1 : window + 1], window)[-1] / window
        for t in range(window + 1, len(values)):
            row = out[t]
            np.multiply(out[t - 1], window - 1, out=row)
            row += values[t]
            row /= window
    return out


def _ratio(top: Floats, bottom: Floats, otherwise: float) -> Floats:
    """top / bottom, `otherwise` where bottom is 0; NaN where either is."""
    out = np.where(np.isnan(top) | np.isnan(bottom), np.nan, otherwise)
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
    before = matrix.close[:-1]
    out[1:] = np.maximum(np.maximum(out[1:], np.abs(matrix.high[1:] - before)), np.abs(matrix.low[1:] - before))
    return out


def macd_lines(close: Floats) -> tuple[Floats, Floats, Floats]:
    """MACD 12, 26, its signal 9, and the one less the other, in prices."""
    spans = np.repeat([12.0, 26.0], close.shape[1])  # side by side, because each row is a step of Python's
    quick, slow = np.split(exponential(np.concatenate([close, close], axis=1), spans), 2, axis=1)
    macd = quick - slow
    signal = exponential(macd, 9)
    macd[:25] = np.nan
    signal[:33] = np.nan
    return macd, signal, macd - signal


def bollinger(close: Floats) -> tuple[Floats, Floats]:
    """Mean and standard deviation (divisor 20) of the last 20 closes."""
    return mean(close, 20), deviation(close, 20, ddof=0)


def _recursive(matrix: PriceMatrix) -> dict[str, Floats]:
    """What looks back to the first bar: an exponential mean never forgets quite."""
    rsi, atr = rsi_and_atr(matrix)
    macd, signal, histogram = macd_lines(matrix.close)
    return {
        "rsi_14": rsi,
        "atr_14": atr / matrix.close,
        "macd": macd / matrix.close,
        "macd_signal": signal / matrix.close,
        "macd_histogram": histogram / matrix.close,
    }


def _trend(matrix: PriceMatrix) -> dict[str, Floats]:
    means = {window: mean(matrix.close, window) for window in (5, 10, 20, 50, 200)}
    return {
        **{f"return_{k}": change(matrix.close, k) for k in (1, 5, 10, 20, 60, 120)},
        **{f"ma_distance_{window}": matrix.close / average - 1.0 for window, average in means.items()},
        **{f"ma_cross_{a}_{b}": means[a] / means[b] - 1.0 for a, b in ((5, 20), (20, 50), (50, 200))},
    }


def _spread(matrix: PriceMatrix) -> dict[str, Floats]:
    close, returns = matrix.close, change(matrix.close, 1)
    middle, band = bollinger(close)
    return {
        **{f"volatility_{window}": deviation(returns, window, ddof=1) for window in (10, 20, 60)},
        "bollinger_position": _ratio(close - (middle - 2.0 * band), 4.0 * band, 0.5),
        "bollinger_width": 4.0 * band / middle,
    }


def _place(matrix: PriceMatrix) -> dict[str, Floats]:
    positions: dict[str, Floats] = {}
    for window in (20, 252):
        low = windowed(np.minimum, matrix.low, window)
        high = windowed(np.maximum, matrix.high, window)
        positions[f"range_position_{window}"] = _ratio(matrix.close - low, high - low, 0.5)
    positions["drawdown_252"] = matrix.close / high - 1.0
    return positions


def _volume_and_calendar(matrix: PriceMatrix) -> dict[str, Floats]:
    baseline = mean(matrix.volume, 20)
    day = matrix.time // DAY
    first = int(day.min(initial=0))
    calendar = np.arange(first, int(day.max(initial=0)) + 1)  # each day once: dates are slow to take apart
    month = calendar.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1.0
    there = ~np.isnan(matrix.close)
    return {
        "volume_zscore_20": _ratio(matrix.volume - baseline, deviation(matrix.volume, 20, ddof=0), 0.0),
        "volume_ratio_20": _ratio(matrix.volume, baseline, 1.0),
        "day_of_week": np.where(there, ((calendar + 3) % 7)[day - first], np.nan),
        "month": np.where(there, month[day - first], np.nan),
    }


def _windows(matrix: PriceMatrix) -> dict[str, Floats]:
    """What looks at its own window of bars and no further back."""
    return {**_trend(matrix), **_spread(matrix), **_place(matrix), **_volume_and_calendar(matrix)}


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
