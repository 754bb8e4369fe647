"""From a day's scores to what is advised: labels by fifths, expected returns, probabilities. PROTOCOL §4b.5."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from training.quant.universe.panel import BUY, HOLD, SELL
from training.quant.universe.ranks import ranks_by_day

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]

SHARE = 5  # one in so many is bought, and one in so many sold


def labels_by_fifths(day: Ints, scores: Floats, order: Ints) -> Ints:
    """(n,) classes: BUY the highest fifth of each day's rows, SELL the lowest, HOLD the rest; rounded down, ties by
    `order` (n,), the place of a row's symbol among all symbols by name. No NaN in `scores`."""
    sequence = np.lexsort((order, -scores, day))
    ordered = day[sequence]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(day) else np.empty(0, int)
    sizes = np.diff(np.append(starts, len(day)))
    place = np.arange(len(day)) - np.repeat(starts, sizes)
    size = np.repeat(sizes, sizes)
    fifth = size // SHARE
    labels = np.empty(len(day), dtype=np.int64)
    labels[sequence] = np.where(place < fifth, BUY, np.where(place >= size - fifth, SELL, HOLD))
    return labels


def expected_returns(
    day: Ints, instrument: Ints, scores: Floats, *, sigma: Floats, mean_return: float, ic: float, horizon: int
) -> Floats:
    """(n,) returns over the horizon: `mean_return`, and IC x sigma x root(h) x the normal quantile of the score's rank
    within its day. `sigma` (n,) is the deviation of a day's return; an `ic` below 0 counts as 0."""
    quantile = ranks_by_day(day, instrument, scores) + 0.5
    expected: Floats = mean_return + max(0.0, ic) * sigma * math.sqrt(horizon) * ndtri(quantile)
    return expected


def class_probabilities(expected: Floats, *, sigma: Floats, horizon: int, buy: float, sell: float) -> Floats:
    """(n, 3) of SELL, HOLD, BUY: a return normal around `expected` (n,) with deviation sigma x root(h) is at most
    `sell`, between, or at least `buy`."""
    deviation = sigma * math.sqrt(horizon)
    out = np.empty((len(expected), 3))
    out[:, SELL] = ndtr((sell - expected) / deviation)
    out[:, BUY] = ndtr((expected - buy) / deviation)
    out[:, HOLD] = np.maximum(0.0, 1.0 - out[:, SELL] - out[:, BUY])
    return out
