"""Does a universe's ranking foretell returns? The residual tranche rank test of PROTOCOL §4b, and what costs leave.

Each day's ranks are held h days, as the portfolio of the recommendations holds them, their exposures are taken out, and
the result is set against the next return that could have been earned, its exposures taken out too. These daily
correlations don't overlap, so that nothing is corrected for overlapping outcomes.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from training.quant.candle.spec import COST_BP
from training.quant.stats.regression import Intercept, intercept_test
from training.quant.stats.threads import on_one_blas_thread
from training.quant.universe.exposure import FEWEST_MORE, Exposures, residuals
from training.quant.universe.ranks import centred_ranks

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]
Flags = NDArray[np.bool_]

CLIP = 4.0  # deviations
EMPTY = 1e-9  # length of residuals below which they are rounding
AHEAD = 2  # days from a decision to the close of the return that judges it: executed on the first
POWER, SLOPE = 0.84, 1.2  # normal quantile of 4 in 5; t of the test is about SLOPE x IC x root(days x names / h)


@dataclass(frozen=True)
class NetPortfolio:
    """The market-neutral portfolio of the ranks after costs: `returns` (n + 1,) earned on the panel's `days` (n + 1,),
    the first day's entry among them; `sharpe` annualised and `p_value` of its alpha without that first day."""

    days: Ints
    returns: Floats
    sharpe: float | None
    p_value: float | None


@dataclass(frozen=True)
class RankTest:
    """`days` (n,) are the places of the days judged, `correlations` (n,) what each had. The p-values are one-sided and
    None where there is nothing to judge; `ranked_p_value`, of ranked returns, is for information: ranks reward names
    of negative skew that earn nothing; `beside_p_value` is that of the scores beside."""

    days: Ints
    correlations: Floats
    t: float | None
    p_value: float | None
    ranked_p_value: float | None
    beside_p_value: float | None
    after_costs: NetPortfolio


@on_one_blas_thread
def rank_test(
    scores: Floats,
    *,
    first: int,
    horizon: int,
    close: Floats,
    exposures: Exposures,
    bars_a_year: float = 252.0,
    beside: Floats | None = None,
) -> RankTest:
    """`scores` (T, N) of the panel's days from place `first` on, NaN where there is no row; `close` (D, N) adjusted and
    carried on; `exposures` of the same panel. A day is judged where the close two days later is there and it has at
    least 5 rows, and 5 more than factors. The first of them is left out: the portfolio only enters on it. `beside`:
    another model's scores of the same rows."""
    days = np.arange(first, min(first + len(scores), len(close) - AHEAD))
    present = ~np.isnan(scores[: len(days)])
    chosen = np.flatnonzero(present.sum(axis=1) >= exposures.factors_on(days) + FEWEST_MORE)
    days, present, sigma = days[chosen], present[chosen], exposures.sigma[days[chosen]]
    returns = np.where(present, close[days + AHEAD] / close[days + AHEAD - 1] - 1.0, 0.0)
    market = (returns.sum(axis=1) / np.maximum(present.sum(axis=1), 1))[1:]
    scaled = returns / sigma
    earnings = [np.clip(scaled, -CLIP, CLIP), centred_ranks(np.where(present, scaled, np.nan))]
    held = [_tranches(each, horizon)[chosen] for each in (scores, beside) if each is not None]
    earned, earned_ranks, weights, *others = residuals(exposures, days, [*earnings, *held], present)
    daily, ranked = _cosines(weights, earned)[1:], _cosines(weights, earned_ranks)[1:]
    result = intercept_test(daily, market)
    return RankTest(
        days=days[1:],
        correlations=daily,
        t=None if result is None else result.t,
        p_value=_p(result),
        ranked_p_value=_p(intercept_test(ranked, market)),
        beside_p_value=_p(intercept_test(_cosines(others[0], earned)[1:], market)) if others else None,
        after_costs=_net_portfolio(days, weights / sigma, returns, market, bars_a_year),
    )


def smallest_ic(*, days: int, names: float, horizon: int, level: float) -> float | None:
    """The rank IC that the test finds in 4 of 5 cases at `level`, one-sided, with so many names on so many judged days
    (their mean, if they change). None where there are none."""
    if days * names <= 0:
        return None
    return (float(ndtri(1.0 - level)) + POWER) / (SLOPE * math.sqrt(days * names / horizon))


def _tranches(scores: Floats, horizon: int) -> Floats:
    """(T, N) mean of the last h days' centred ranks, from -1 to 1; 0 where there was no row and before the first."""
    ranks = np.nan_to_num(2.0 * centred_ranks(scores))
    total = np.zeros(scores.shape)
    for age in range(min(horizon, len(scores))):
        total[age:] += ranks[: len(scores) - age]
    return total / horizon


def _cosines(a: Floats, b: Floats) -> Floats:
    """(T,) of two (T, N) residuals; 0 where one of them is empty: nothing was held, or nothing was left to earn."""
    length_a, length_b = (np.sqrt((x * x).sum(axis=1)) for x in (a, b))
    there = (length_a > EMPTY) & (length_b > EMPTY)
    out = np.zeros(len(a))
    np.divide((a * b).sum(axis=1), length_a * length_b, out=out, where=there)
    return out


def _net_portfolio(days: Ints, weights: Floats, returns: Floats, market: Floats, bars_a_year: float) -> NetPortfolio:
    """`weights` (T, N) of any scale, brought to an absolute sum of 1; flat before the first day, which `market`
    (T - 1,) is without."""
    gross = np.abs(weights).sum(axis=1, keepdims=True)
    weights = weights / np.where(gross > EMPTY, gross, np.inf)
    traded = np.abs(np.diff(weights, axis=0, prepend=0.0)).sum(axis=1)
    net = (weights * returns).sum(axis=1) - COST_BP / 1e4 * traded
    result, later = intercept_test(net[1:], market), net[1:]
    spread = float(later.std(ddof=1)) if len(later) > 1 else 0.0
    return NetPortfolio(
        days=days + AHEAD,
        returns=net,
        sharpe=float(later.mean()) / spread * math.sqrt(bars_a_year) if spread > EMPTY else None,
        p_value=_p(result),
    )


def _p(result: Intercept | None) -> float | None:
    return None if result is None else result.p_value
