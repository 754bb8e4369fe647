"""Windows and exponential means down the first axis: (T, …), oldest first.

Only + - * / and square root, in an order that depends on nothing but the window: a value is the same to the last bit
alone, among others, and after more bars have been added.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def windowed(operation: Callable[[Any, Any], Any], values: NDArray[Any], window: int) -> Floats:
    """`operation` (add, maximum, minimum, logical_and) over the last `window` rows; NaN before. Powers of two, so
    log(window) steps, always in the same order."""
    out = _undefined(values, window - 1)
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
    out = windowed(np.add, values, window)
    out /= window
    return out


def deviation(values: Floats, window: int, *, ddof: int) -> Floats:
    """Standard deviation of the last `window` rows, in two passes: no cancellation, and exactly 0 for equal values.
    NaN where one of them is."""
    out = _undefined(values, window - 1)
    size = len(values) - window + 1
    if size < 1:
        return out
    centre = mean(values, window)[window - 1 :]
    gap = values[:size] - centre
    squares = gap * gap
    for shift in range(1, window):
        np.subtract(values[shift : size + shift], centre, out=gap)
        np.multiply(gap, gap, out=gap)
        np.add(squares, gap, out=squares)
    squares /= window - ddof
    np.sqrt(squares, out=out[window - 1 :])
    repeated = values[1:] == values[:-1]
    if window > 1 and np.count_nonzero(repeated) >= window - 1:  # else no `window` values in a row are equal
        alike = windowed(np.logical_and, repeated, window - 1)[window - 2 :]
        out[window - 1 :][alike == 1.0] = 0.0
    return out


def change(values: Floats, rows: int) -> Floats:
    """values_t / values_{t-rows} - 1."""
    out = _undefined(values, rows)
    later = out[rows:]
    np.divide(values[rows:], values[: len(later)], out=later)
    later -= 1.0
    return out


def exponential(values: Floats, span: int | Floats) -> Floats:
    """Exponential mean with weight 2 / (span + 1), begun at the first value; one span, or one for each column."""
    weight = 2.0 / (np.broadcast_to(np.asarray(span, dtype=np.float64), values.shape[1:]) + 1.0)
    rest = 1.0 - weight
    out = weight * values
    out[:1] = values[:1]
    old, before = np.empty_like(rest), None
    for row in out:
        if before is not None:
            np.multiply(before, rest, old)
            np.add(row, old, row)
        before = row
    return out


def wilder(values: Floats, window: int) -> Floats:
    """Wilder's mean of values 1 …: the plain mean of the first `window`, then (window - 1) parts old to 1 part new.
    Row 0 is left out (changes have none); first valid at row `window`."""
    out = np.full(values.shape, np.nan)
    if len(values) > window:
        out[window] = windowed(np.add, values[1 : window + 1], window)[-1] / window
        old, whole = np.full_like(values[0], window - 1.0), np.full_like(values[0], window)  # arrays: none to convert
        before = out[window]
        for row, value in zip(out[window + 1 :], values[window + 1 :], strict=True):
            np.multiply(before, old, row)
            np.add(row, value, row)
            np.divide(row, whole, row)
            before = row
    return out


def _undefined(values: NDArray[Any], rows: int) -> Floats:
    """As `values`, NaN in the first `rows` and unset behind them."""
    out = np.empty(values.shape)
    out[:rows] = np.nan
    return out
