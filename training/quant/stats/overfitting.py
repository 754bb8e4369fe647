"""What is left of a backtest's Sharpe ratio once it is counted how many were looked at: for information, no verdict."""

import math
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from training.quant.stats.sharpe import sharpe_z

Floats = NDArray[np.float64]

EULER = 0.5772156649015329  # the Euler-Mascheroni constant
BLOCKS = 16  # that the days are cut into, as the paper does
FEWEST_DAYS = 10 * BLOCKS
FEWEST_CONFIGURATIONS = 5  # below, the place among them is too coarse to speak of a median
_ROUNDING = 1e-12


def deflated_sharpe(returns: Floats, *, trials: int, variance: float | None = None) -> float | None:
    """Probability that the true Sharpe ratio is above what the best of `trials` reaches without skill (Bailey & López
    de Prado, The Deflated Sharpe Ratio, Journal of Portfolio Management 40, 2014).

    `returns`: (T,) float64 a bar, no NaN. `variance`: of the trials' Sharpe ratios a bar; None is 1 / (T - 1), that of
    a ratio without skill (Bailey, Borwein, López de Prado & Zhu, Pseudo-Mathematics, 2014). None where T < 3 or the
    returns don't vary. With one trial it is the probabilistic Sharpe ratio.
    """
    spread = 1.0 / (len(returns) - 1) if variance is None and len(returns) > 1 else variance or 0.0
    z = sharpe_z(returns, above=math.sqrt(spread) * expected_largest(trials))
    return None if z is None else float(ndtr(z))


def expected_largest(trials: int) -> float:
    """Mean of the largest of so many independent standard normal values, by their extreme-value limit; 0 for one."""
    if trials < 2:
        return 0.0
    return float((1 - EULER) * ndtri(1 - 1 / trials) + EULER * ndtri(1 - 1 / (trials * math.e)))


def backtest_overfitting(returns: Floats, *, blocks: int = BLOCKS) -> float | None:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation: how often the configuration
    with the best Sharpe ratio on half of the days is below the median on the other half (Bailey, Borwein, López de
    Prado & Zhu, Journal of Computational Finance 20, 2017).

    `returns`: (N, T) float64 of N configurations on the same T days, no NaN; the days are cut into `blocks`, and all
    ways to halve those are looked at, of 16 12,870. None for fewer than 5 configurations or 160 days.
    """
    configurations, days = returns.shape
    if configurations < FEWEST_CONFIGURATIONS or days < FEWEST_DAYS:
        return None
    starts = np.cumsum([0, *(len(block) for block in np.array_split(np.arange(days), blocks)[:-1])])
    sums, squares = (np.add.reduceat(values, starts, axis=1).T for values in (returns, returns**2))
    lengths = np.diff([*starts, days]).astype(np.float64)
    halves = np.array([np.isin(np.arange(blocks), half) for half in combinations(range(blocks), blocks // 2)])
    chosen, rest = (_sharpe(side.astype(np.float64), sums, squares, lengths) for side in (halves, ~halves))
    best = np.take_along_axis(rest, chosen.argmax(axis=1)[:, None], axis=1)
    rank = (rest < best).sum(axis=1) + ((rest == best).sum(axis=1) + 1) / 2
    return float((rank < (configurations + 1) / 2).mean())


def _sharpe(side: Floats, sums: Floats, squares: Floats, lengths: Floats) -> Floats:
    """(C, N) Sharpe ratios a bar on the blocks that each of `side` (C, blocks) marks; 0 where nothing varies."""
    size = (side @ lengths)[:, None]
    mean = side @ sums / size
    variance = np.maximum(side @ squares - size * mean**2, 0.0) / (size - 1)
    spread = np.sqrt(variance)
    ratio: Floats = np.divide(mean, spread, out=np.zeros(mean.shape), where=spread > _ROUNDING)
    return ratio
