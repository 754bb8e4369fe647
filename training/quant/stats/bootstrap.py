"""How else an equity curve might have run: the stationary bootstrap of its returns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS, SHARE, SEED = 1_000, 0.9, 20140901
FEWEST_BLOCKS = 4  # of mean length, that the returns must hold


@dataclass(frozen=True)
class Band:
    """After each of T returns, `low` and `high` (T,) hold the middle `share` of `draws` resampled equity curves, each
    day by itself; blocks of returns are `mean_block` long in the mean."""

    share: float
    draws: int
    mean_block: int
    low: list[float]
    high: list[float]


def equity_band(returns: Floats, *, mean_block: int) -> Band | None:
    """Of the equity, from 1 on, of (T,) periodic returns, no NaN. None where they hold fewer than four blocks. The same
    for the same returns: the seed is fixed."""
    if len(returns) < FEWEST_BLOCKS * mean_block:
        return None
    drawn = resampled(len(returns), mean_block=mean_block, draws=DRAWS, rng=np.random.default_rng(SEED))
    growth = np.sort(np.cumprod(1.0 + returns[drawn], axis=1).T, axis=1)  # sorted, it takes half of the time
    low, high = np.quantile(growth, [(1 - SHARE) / 2, (1 + SHARE) / 2], axis=1, overwrite_input=True)
    return Band(SHARE, DRAWS, mean_block, low.tolist(), high.tolist())


def resampled(length: int, *, mean_block: int, draws: int, rng: np.random.Generator) -> Ints:
    """(draws, length) places among `length`: blocks that begin anywhere, run on around the end, and are of geometric
    length with this mean (Politis & Romano, Journal of the American Statistical Association 89, 1994)."""
    begins = rng.random((draws, length)) < 1.0 / mean_block
    begins[:, 0] = True
    starts, first = rng.integers(length, size=(draws, length))[begins], np.flatnonzero(begins)
    shift = np.repeat(starts - first, np.diff(first, append=begins.size))
    places: Ints = (np.arange(begins.size) + shift).reshape(draws, length)
    places[places >= length] -= length
    return places
