"""Is the profit more than luck? The probabilistic Sharpe ratio of what a strategy earned beyond its own exposure."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Excess:
    """`sharpe` (annualised) and one-sided `p_value` of the daily excess returns; None where they never vary."""

    sharpe: float | None
    p_value: float | None
    days: int


def excess_returns(returns: Floats, benchmark: Floats, exposure: float) -> Floats:
    """Daily returns beyond their own market exposure, PROTOCOL §4: e_t = r_t - mean exposure x equal-weight return.
    `returns` and `benchmark`: (T,) float64, fractions, no NaN; `exposure`: the mean net weight. (T,)."""
    return returns - exposure * benchmark


def excess_of(excess: Floats, *, bars_a_year: float) -> Excess:
    """Probabilistic Sharpe ratio (Bailey & López de Prado 2012): P(true Sharpe <= 0), with the skew and kurtosis of the
    returns. `excess`: (T,) float64, no NaN; None for both figures where T < 3 or they don't vary. Daily returns only:
    overlapping ones would count each day many times."""
    n, z = len(excess), sharpe_z(excess)
    if z is None:
        return Excess(None, None, n)
    ratio = float(excess.mean()) / float(excess.std(ddof=1))
    return Excess(ratio * math.sqrt(bars_a_year), max(1e-300, 0.5 * math.erfc(z / math.sqrt(2.0))), n)


def sharpe_z(returns: Floats, *, above: float = 0.0) -> float | None:
    """Standard errors by which the Sharpe ratio a bar of `returns` (T,) is above the ratio `above`, by their skew and
    kurtosis. None where T < 3 or they don't vary."""
    n = len(returns)
    spread = float(returns.std(ddof=1)) if n > 2 else 0.0
    if spread < 1e-12:
        return None
    ratio = float(returns.mean()) / spread
    centred = returns - returns.mean()
    variance = float((centred**2).mean())
    skew = float((centred**3).mean()) / variance**1.5
    kurtosis = float((centred**4).mean()) / variance**2
    error = math.sqrt(max(1e-12, 1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2))
    return (ratio - above) * math.sqrt(n - 1) / error
