"""Features of a bar, each from that bar and earlier ones only.

Input everywhere: `Bars` of one series, prices adjusted (`Bars.adjusted()`), ascending, length n. Output: float64 arrays
of length n. The value at t looks at bars <= t; where its window reaches before the first bar it is NaN, and nowhere
else: sound bars (finite, above zero) give finite features. Windows are summed in a fixed order, bar by bar, so that a
value does not depend, to the last bit, on where the array begins or ends.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureSet:
    """A named list of columns. `warmup` bars must come before the first row that has all of them."""

    name: str
    version: int
    columns: tuple[str, ...]
    warmup: int
    warning: str
    compute: Callable[[Bars, str], Floats]  # (adjusted bars, timeframe) -> (n, len(columns))


def feature_matrix(bars: Bars, *, name: str, timeframe: str) -> Floats:
    """(n, k) float64 matrix of a feature set, C-contiguous; the first `warmup` rows hold NaN."""
    return np.ascontiguousarray(FEATURE_SETS[name].compute(bars, timeframe))


def candle_shape(bars: Bars) -> list[Floats]:
    """iso_0…iso_3: O, H, L, C minus their own mean, divided by their own population deviation (0 where that is 0);
    hl_range (H-L)/C, price_change (C-O)/O, upper_shadow (H-C)/C, lower_shadow (C-L)/C. Window 1."""
    open_, high, low, close = bars.open, bars.high, bars.low, bars.close
    mean = (open_ + high + low + close) / 4.0
    squares = (open_ - mean) ** 2 + (high - mean) ** 2 + (low - mean) ** 2 + (close - mean) ** 2
    deviation = np.sqrt(squares / 4.0)
    flat = (high == low) & (open_ == close)  # rounding of the mean would leave a deviation of 1e-16 here
    scale = np.where(flat | (deviation == 0.0), 1.0, deviation)
    iso = [np.where(flat, 0.0, (price - mean) / scale) for price in (open_, high, low, close)]
    return [*iso, (high - low) / close, (close - open_) / open_, (high - close) / close, (close - low) / close]


def log_return(close: Floats, bars: int) -> Floats:
    """ln(c_t / c_{t-bars}); first valid at index `bars`."""
    out = np.full(len(close), np.nan)
    out[bars:] = np.log(close[bars:] / close[:-bars]) if len(close) > bars else []
    return out


def rolling_mean(values: Floats, window: int) -> Floats:
    """Mean of the last `window` values; NaN until there are that many."""
    out = np.full(len(values), np.nan)
    if len(values) >= window:
        total = values[: len(values) - window + 1].copy()
        for shift in range(1, window):
            total += values[shift : len(values) - window + 1 + shift]
        out[window - 1 :] = total / window
    return out


def rolling_deviation(values: Floats, window: int) -> Floats:
    """Population standard deviation of the last `window` values, two passes (no cancellation); NaN until defined."""
    mean = rolling_mean(values, window)
    out = np.full(len(values), np.nan)
    if len(values) >= window:
        size = len(values) - window + 1
        squares = np.zeros(size)
        for shift in range(window):
            squares += (values[shift : size + shift] - mean[window - 1 :]) ** 2
        out[window - 1 :] = np.sqrt(squares / window)
    return out


def rolling_median(values: Floats, window: int) -> Floats:
    """Median of the last `window` values; NaN until there are that many, and where one of them is NaN."""
    out = np.full(len(values), np.nan)
    if len(values) >= window:
        views = np.lib.stride_tricks.sliding_window_view(values, window)
        low, high = (window - 1) // 2, window // 2
        parts = np.partition(views, (low, high, window - 1), axis=1)  # NaN sorts last
        out[window - 1 :] = np.where(np.isnan(parts[:, -1]), np.nan, (parts[:, low] + parts[:, high]) / 2.0)
    return out


def log_ratio(values: Floats, reference: Floats) -> Floats:
    """ln(values / reference), not below ln(0.01), so that a bar without volume has a value; 0 where reference is 0."""
    safe = np.where(reference > 0.0, reference, 1.0)
    ratio = np.where(reference > 0.0, np.maximum(values / safe, 0.01), 1.0)
    return np.where(np.isnan(values) | np.isnan(reference), np.nan, np.log(ratio))


def _scale_free(bars: Bars, timeframe: str) -> Floats:
    """PROTOCOL's default set: nothing in it depends on the level of prices or volumes. Longest window 80 bars."""
    returns = log_return(bars.close, 1)
    volatility = np.full(len(bars), np.nan)
    volatility[1:] = rolling_deviation(returns[1:], 20)
    mean20 = rolling_mean(bars.close, 20)
    distance = np.divide(bars.close / mean20 - 1.0, volatility, out=np.zeros(len(bars)), where=volatility > 0.0)
    distance[np.isnan(volatility)] = np.nan
    return np.column_stack(
        [
            *candle_shape(bars),
            *(log_return(bars.close, k) for k in (1, 2, 5, 10, 20)),
            log_ratio(bars.volume, rolling_median(bars.volume, 20)),
            distance,
            log_ratio(volatility, rolling_median(volatility, 60)),
        ]
    )


def _poc16(bars: Bars, timeframe: str) -> Floats:
    """The original's set: raw prices and volume, candle shape, one-hot of the timeframe. Window 1."""
    n = len(bars)
    shape = candle_shape(bars)
    return np.column_stack(
        [
            bars.open,
            bars.high,
            bars.low,
            bars.close,
            bars.volume,
            *shape[:4],
            np.full(n, float(timeframe == "1d")),
            np.full(n, float(timeframe == "4h")),
            *shape[4:],
            bars.volume / 1e6,
        ]
    )


_ISO = ("iso_0", "iso_1", "iso_2", "iso_3")
_SHAPE = ("hl_range", "price_change", "upper_shadow", "lower_shadow")

FEATURE_SETS: dict[str, FeatureSet] = {
    "scale_free": FeatureSet(
        name="scale_free",
        version=1,
        columns=(
            *_ISO,
            *_SHAPE,
            *(f"return_{k}" for k in (1, 2, 5, 10, 20)),
            "volume_to_median_20",
            "distance_to_mean_20",
            "volatility_to_median_60",
        ),
        warmup=79,  # 20 returns need 21 bars; the median of 60 such volatilities reaches back 59 more
        warning="",
        compute=_scale_free,
    ),
    "poc16": FeatureSet(
        name="poc16",
        version=1,
        columns=("raw_o", "raw_h", "raw_l", "raw_c", "raw_v", *_ISO, "tf_1d", "tf_4h", *_SHAPE, "volume_m"),
        warmup=0,
        warning="Raw price levels do not carry over time: on pure noise they lift the AUC by about 0.01 "
        "and the share of false alarms to 7-8 %.",
        compute=_poc16,
    ),
}
