"""What the recipe `honest` learns: who did better than the others that day, exposures taken out. PROTOCOL §4b.2."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.exposure import FEWEST_MORE, Exposures, residuals
from training.quant.universe.ranks import BLOCK, row_table

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]

CLIP = 4.0  # deviations
SMALLEST = 1e-9  # a day whose targets spread less has none


def day_targets(day: Ints, instrument: Ints, *, returns: Floats, deviation: Floats, exposures: Exposures) -> Floats:
    """(n,) targets of these rows and of no others: mean, projection and scale of a day are of the rows given.

    `day`, `instrument` (n,) are places in the panel, no pair twice; `returns` over the horizon and the `deviation` that
    they are divided by, no NaN. A target is (R - the day's mean) / deviation, clipped at 4, less its fit on the day's
    exposures, over what is left of the day's deviation. NaN on days with fewer than 5 rows more than factors.
    """
    targets = np.empty(len(day))
    is_given = np.bincount(day, minlength=len(exposures.sigma)) > 0
    days, place = np.flatnonzero(is_given), np.cumsum(is_given, dtype=np.int32) - 1
    table = row_table(place[day], instrument, exposures.sigma.shape[1])
    step = max(1, BLOCK // max(1, table.shape[1]))
    for start in range(0, len(days), step):
        numbers = table[start : start + step]
        is_there = numbers >= 0
        rows = numbers[is_there]
        values, scale = np.full(numbers.shape, np.nan), np.ones(numbers.shape)
        values[is_there], scale[is_there] = returns[rows], deviation[rows]
        targets[rows] = _targets(values, scale, days[start : start + step], exposures)[is_there]
    return targets


def _targets(returns: Floats, scale: Floats, days: Ints, exposures: Exposures) -> Floats:
    """(T, N) of (T, N) returns, NaN where there is no row."""
    present = ~np.isnan(returns)
    size = present.sum(axis=1, keepdims=True)
    values = np.where(present, returns, 0.0)
    values = np.where(present, (values - values.sum(axis=1, keepdims=True) / size) / scale, 0.0)
    (values,) = residuals(exposures, days, [np.clip(values, -CLIP, CLIP)], present)
    centred = np.where(present, values - values.sum(axis=1, keepdims=True) / size, 0.0)
    spread = np.sqrt((centred * centred).sum(axis=1, keepdims=True) / size)
    enough = (size >= exposures.factors_on(days)[:, None] + FEWEST_MORE) & (spread > SMALLEST)
    return np.where(enough & present, values / np.where(enough, spread, 1.0), np.nan)
