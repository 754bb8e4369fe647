"""What a chart draws of a series: the very numbers that features are made of, before they are made free of the level of
prices. Computed by the functions of `daily.py` and `rolling.py` alone, so that chart and model can't disagree.

A value at t looks at bars <= t; before its first one a line is NaN. Exponential and Wilder's means look back to the
first bar: whoever shows a part of a series computes over all that comes before it too.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.daily import (
    PriceMatrix,
    bollinger,
    macd_lines,
    rsi_and_atr,
    side_by_side,
)
from instruments.quant.features.rolling import exponential, mean

Floats = NDArray[np.float64]
PRICE, VOLUME, OWN = "price", "volume", "own"  # what it is drawn over


@dataclass(frozen=True)
class Indicator:
    """`lines` names its columns, one or three; `pane` says which others they are drawn over."""

    name: str
    label: str
    formula: str
    pane: str
    lines: tuple[str, ...]
    compute: Callable[[PriceMatrix], tuple[Floats, ...]]


def indicator_lines(bars: Bars, names: Collection[str]) -> dict[str, Floats]:
    """The lines of these INDICATORS by name, each (n,) and contiguous. Features are made of adjusted bars."""
    matrix = side_by_side([bars])
    return {
        line: np.ascontiguousarray(values[:, 0])
        for indicator in INDICATORS
        if indicator.name in names
        for line, values in zip(indicator.lines, indicator.compute(matrix), strict=True)
    }


def _sma(window: int) -> Indicator:
    name, formula = f"sma_{window}", f"Mean of the last {window} closes"
    return Indicator(name, f"SMA {window}", formula, PRICE, (name,), lambda matrix: (mean(matrix.close, window),))


def _ema(span: int) -> Indicator:
    def compute(matrix: PriceMatrix) -> tuple[Floats]:
        average = exponential(matrix.close, span)
        average[: span - 1] = np.nan
        return (average,)

    name, formula = f"ema_{span}", f"Exponential mean of closes, weight 2 / {span + 1}"
    return Indicator(name, f"EMA {span}", formula, PRICE, (name,), compute)


def _bands(matrix: PriceMatrix) -> tuple[Floats, ...]:
    middle, band = bollinger(matrix.close)
    return middle, middle + 2.0 * band, middle - 2.0 * band


INDICATORS = (
    *(_sma(window) for window in (5, 10, 20, 50, 200)),
    *(_ema(span) for span in (12, 26)),
    Indicator(
        "bollinger_20",
        "Bollinger bands 20",
        "Mean of 20 closes, and two of their standard deviations (divisor 20) above and below it",
        PRICE,
        ("bollinger_middle", "bollinger_upper", "bollinger_lower"),
        _bands,
    ),
    Indicator(
        "volume_mean_20",
        "Volume mean 20",
        "Mean of the last 20 volumes",
        VOLUME,
        ("volume_mean_20",),
        lambda matrix: (mean(matrix.volume, 20),),
    ),
    Indicator(
        "rsi_14",
        "RSI 14",
        "100 x Wilder's mean gain / (mean gain + mean loss) over 14; 50 for no moves",
        OWN,
        ("rsi_14",),
        lambda matrix: rsi_and_atr(matrix)[:1],
    ),
    Indicator(
        "macd",
        "MACD 12, 26, 9",
        "Exponential mean 12 less that of 26 closes, its exponential mean 9 (signal), and the difference of the two",
        OWN,
        ("macd", "macd_signal", "macd_histogram"),
        lambda matrix: macd_lines(matrix.close),
    ),
    Indicator(
        "atr_14",
        "ATR 14",
        "Wilder's mean true range over 14, in prices",
        OWN,
        ("atr_14",),
        lambda matrix: rsi_and_atr(matrix)[1:],
    ),
)
