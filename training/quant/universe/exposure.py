"""What a name's returns hang on beside its own news: its deviation, the market, and the factors that names share.

Everything of a day comes from closes up to that day. Days are the panel's counted days, (D,); names its instruments,
(N,). PROTOCOL §4b: target and judge take the same exposures out. Sums are float64 on one BLAS thread, so that they are
the same to the last bit on any number of cores.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.stats.threads import on_one_blas_thread
from training.quant.universe.ranks import BLOCK

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]
Flags = NDArray[np.bool_]

SIGMA_DECAY, SIGMA_BEGINS = 0.97, 60  # weight of yesterday's variance; returns whose mean square it begins with
BETA_WEIGHT = 1 / 125  # of the newest day
WINDOW, FEWEST, RENEWED = 250, 60, 20  # days of a decomposition; returns that a name needs in it; days until the next
MOST_FACTORS = 10
FEWEST_MORE = 5  # rows of a day beyond its factors: with fewer, too little is left of it
FACTORS = ((20, 0), (60, 3), (150, 8))  # below so many names, so many factors; above the last one MOST_FACTORS
COLLINEAR = 1e-10  # share of the largest eigenvalue below which a direction counts as absent
SMALLEST = 1e-9  # a deviation below it is rounding


@dataclass(frozen=True)
class Exposures:
    """`sigma` (D, N): deviation of a day's return, at least a quarter of the day's median; NaN on days before anyone
    has a return. `beta` (D, N): 1 before a name's third return. `loadings` (R, N, MOST_FACTORS) are those of the days
    20 r to 20 r + 19, the first `factors[r]` of them; 0 for names with too few returns."""

    sigma: Floats
    beta: Floats
    loadings: Floats
    factors: Ints

    def factors_on(self, days: Ints) -> Ints:
        """(T,) how many factors count on these days."""
        return self.factors[days // RENEWED]


@on_one_blas_thread
def exposures_of(close: Floats, traded: Flags, member: Flags | None = None) -> Exposures:
    """From (D, N) adjusted closes, carried on over days without a bar, and the flags that tell those days.

    A return is that of a day with a bar since the bar before, however long ago; days without one have none. `member`
    (D, N), where names come and go: market, factors and the day's median are those of the day's members alone; what a
    name did before it came counts for itself.
    """
    returns = _returns(close, traded)
    loadings, factors = _loadings(returns, member)
    beta = _beta(returns, member)
    sigma = _sigma_of(returns, traded, member)
    return Exposures(sigma, beta, loadings, factors)


def deviations(close: Floats, traded: Flags, member: Flags | None = None) -> Floats:
    """(D, N) `Exposures.sigma` by itself; of who is no member that day the median."""
    return _sigma_of(_returns(close, traded), traded, member)


def _sigma_of(returns: Floats, traded: Flags, member: Flags | None) -> Floats:
    sigma, enough = _sigma(returns)
    return at_least_quarter(sigma if member is None else np.where(member, sigma, np.nan), traded & enough)


def latest_deviations(returns: Floats, trades: Flags) -> Floats:
    """(N,) the last day of `deviations`, from (D, N) returns, NaN where there is none; `trades` (N,) who has a bar that
    day. A name's days without a return change nothing: they may be left out, the last ones of all names in one row."""
    count, variance = deque(_variances(returns), maxlen=1).pop()
    sigma = np.where(count > 0, np.sqrt(variance), np.nan)
    latest: Floats = at_least_quarter(sigma[None], (trades & (count >= SIGMA_BEGINS))[None])[0]
    return latest


def residuals(exposures: Exposures, days: Ints, several: Sequence[Floats], present: Flags) -> list[Floats]:
    """Each of `several` tables (T, N) of values on `days` (T,), ascending places: each day's projected off its
    exposures A_d = [1/sigma, loadings], or [1/sigma, beta/sigma] where no factor counts, over the names `present`
    (T, N); 0 for the others. Most of the work is the exposures', which are made once for all tables.

    Exposures that are collinear on a day, or absent, are left out of it.
    """
    out = [np.zeros(values.shape) for values in several]
    blocks = np.flatnonzero(np.diff(days // RENEWED)) + 1  # days of one decomposition together
    for places in np.split(np.arange(len(days)), blocks):
        if len(places):
            there = present[places]
            project = _projection(_columns(exposures, days[places], there))
            for values, projected in zip(several, out, strict=True):
                projected[places] = project(np.where(there, values[places], 0.0))
    return out


def at_least_quarter(values: Floats, eligible: Flags) -> Floats:
    """(D, N) deviations, each at least a quarter of its day's median over the names `eligible` (over all that have one
    where nobody is); the median itself for a name without. A halted name would otherwise be a whole portfolio."""
    out = np.empty(values.shape)
    step = max(1, BLOCK // max(1, values.shape[1]))
    for start in range(0, len(values), step):
        block = slice(start, start + step)
        out[block] = _at_least_quarter(values[block], eligible[block])
    return out


def _at_least_quarter(values: Floats, eligible: Flags) -> Floats:
    has_value = ~np.isnan(values)
    chosen = eligible & has_value
    chosen = np.where(chosen.any(axis=1, keepdims=True), chosen, has_value)
    ordered = np.sort(np.where(chosen, values, np.nan), axis=1)  # NaN come last
    size = chosen.sum(axis=1, keepdims=True)
    middle = (np.maximum(size - 1, 0) // 2, np.minimum(size // 2, values.shape[1] - 1))
    median = sum(np.take_along_axis(ordered, place, axis=1) for place in middle) / 2.0
    out: Floats = np.maximum(np.where(has_value, values, median), np.maximum(median / 4.0, SMALLEST))
    return out


def factor_count(names: int) -> int:
    """How many factors a decomposition of so many names tells apart."""
    return next((factors for bound, factors in FACTORS if names < bound), MOST_FACTORS)


def _returns(close: Floats, traded: Flags) -> Floats:
    """(D, N) close to close; NaN on days without a bar and at the first bar."""
    out = np.full(close.shape, np.nan)
    has_past = np.maximum.accumulate(traded, axis=0)[:-1]
    np.divide(close[1:], close[:-1], out=out[1:], where=traded[1:] & has_past)
    out -= 1.0
    return out


def _sigma(returns: Floats) -> tuple[Floats, Flags]:
    """(D, N) root of the exponential mean of squares, begun with the mean of the first 60, and where there were as
    many."""
    sigma, enough = np.full(returns.shape, np.nan), np.zeros(returns.shape, dtype=bool)
    for day, (count, variance) in enumerate(_variances(returns)):
        np.sqrt(variance, out=sigma[day], where=count > 0)
        enough[day] = count >= SIGMA_BEGINS
    return sigma, enough


def _variances(returns: Floats) -> Iterator[tuple[Ints, Floats]]:
    """Day by day (N,) how many returns there were, and their variance. A day without a return changes nothing. Whole
    tables would take as much memory again as bars."""
    count, variance = np.zeros(returns.shape[1], dtype=np.int64), np.zeros(returns.shape[1])
    for today in returns:
        there = ~np.isnan(today)
        count = count + there
        weight = np.where(count <= SIGMA_BEGINS, 1.0 / np.maximum(count, 1), 1.0 - SIGMA_DECAY)
        variance = np.where(there, variance + weight * (today * today - variance), variance)
        yield count, variance


def _beta(returns: Floats, member: Flags | None) -> Floats:
    """(D, N) half of the way from 1 to the exponential covariance with the members' equal-weight return over its
    variance, both over the name's own days."""
    sums = np.zeros((5, returns.shape[1]))
    out = np.ones(returns.shape)
    for day, today in enumerate(returns):
        there = ~np.isnan(today)
        own = np.where(there, today, 0.0)
        inside = there if member is None else there & member[day]
        mean = (own if member is None else own[inside]).sum() / max(1, int(inside.sum()))
        market = np.where(there, mean, 0.0)
        term = np.stack([there.astype(np.float64), own, market, own * market, market * market])
        sums = np.where(there, (1.0 - BETA_WEIGHT) * sums + BETA_WEIGHT * term, sums)
        total = np.maximum(sums[0], SMALLEST)
        variance = sums[4] / total - (sums[2] / total) ** 2
        covariance = sums[3] / total - sums[1] / total * sums[2] / total
        slope = covariance / np.where(variance > SMALLEST**2, variance, np.inf)
        out[day] = np.where(variance > SMALLEST**2, 0.5 + 0.5 * slope, 1.0)
    return out


def _loadings(returns: Floats, member: Flags | None) -> tuple[Floats, Ints]:
    """(R, N, MOST_FACTORS) right singular vectors of the last 250 days' returns of that day's members, each centred and
    divided by its own deviation, on days 0, 20, 40, …; and how many of them count."""
    days, names = returns.shape
    renewals = range(0, days, RENEWED)
    loadings = np.zeros((len(renewals), names, MOST_FACTORS))
    factors = np.zeros(len(renewals), dtype=np.int64)
    for number, day in enumerate(renewals):
        window = returns[max(0, day + 1 - WINDOW) : day + 1]
        has_enough = (~np.isnan(window)).sum(axis=0) >= FEWEST
        enough = np.flatnonzero(has_enough if member is None else has_enough & member[day])
        factors[number] = factor_count(len(enough))
        if factors[number]:
            loadings[number, enough, : factors[number]] = _singular_vectors(window[:, enough], int(factors[number]))
    return loadings, factors


def _singular_vectors(window: Floats, count: int) -> Floats:
    """(n, count) of (T, n) returns with NaN, from the smaller of the two Gram matrices: an SVD of 10,000 names takes
    three times as long. 0 where the returns have fewer directions."""
    there = ~np.isnan(window)
    size = there.sum(axis=0)
    centred = np.where(there, window - np.where(there, window, 0.0).sum(axis=0) / size, 0.0)
    deviation = np.sqrt((centred * centred).sum(axis=0) / size)
    scaled = centred / np.where(deviation > SMALLEST, deviation, np.inf)
    is_tall = scaled.shape[0] >= scaled.shape[1]
    squares, vectors = np.linalg.eigh(scaled.T @ scaled if is_tall else scaled @ scaled.T)
    squares, vectors = squares[::-1][:count], vectors[:, ::-1][:, :count]
    is_there = squares > COLLINEAR * squares[0]
    if not is_tall:
        vectors = scaled.T @ vectors / np.sqrt(np.where(is_there, squares, np.inf))
    out: Floats = np.where(is_there, vectors, 0.0)
    return out


def _columns(exposures: Exposures, days: Ints, present: Flags) -> Floats:
    """(T, N, K + 1) exposures of days of one decomposition, each column of unit length; 0 where not present."""
    number = days[0] // RENEWED
    factors = int(exposures.factors[number])
    inverse = 1.0 / exposures.sigma[days]
    if factors:
        loadings = np.broadcast_to(exposures.loadings[number, :, :factors], (*inverse.shape, factors))
        columns = np.concatenate([inverse[:, :, None], loadings], axis=2)
    else:
        columns = np.stack([inverse, exposures.beta[days] * inverse], axis=2)
    columns = np.where(present[:, :, None], columns, 0.0)
    length = np.sqrt((columns * columns).sum(axis=1, keepdims=True))
    return columns / np.where(length > 0.0, length, np.inf)


def _projection(columns: Floats) -> Callable[[Floats], Floats]:
    """Of (T, N) values what is left of them after their least-squares fit on (T, N, C) columns of unit length; both 0
    where not present."""
    across = columns.transpose(0, 2, 1)
    squares, vectors = np.linalg.eigh(across @ columns)
    is_there = squares > COLLINEAR * squares[:, -1:]
    inverse = np.where(is_there, 1.0 / np.where(is_there, squares, 1.0), 0.0)

    def project(values: Floats) -> Floats:
        within = vectors.transpose(0, 2, 1) @ (across @ values[:, :, None])
        out: Floats = values - (columns @ (vectors @ (inverse[:, :, None] * within)))[:, :, 0]
        return out

    return project
