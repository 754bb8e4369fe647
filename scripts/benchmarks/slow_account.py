"""An account of a portfolio day by day and name by name, with plain floats: what the fast one is held against."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def slow_account(
    weights: NDArray[Any], open_: NDArray[Any], close: NDArray[Any], cost_bp: float
) -> tuple[list[float], list[float]]:
    """(returns, what was traded) of each day, arguments as of `simulate`."""
    returns, traded_each_day = [], []
    steps, names = weights.shape
    for t in range(steps):
        earned, traded = 0.0, 0.0
        for i in range(names):
            held = weights[t - 1][i] if t else 0.0
            earned += held * (open_[t + 1][i] / close[t][i] - 1) + weights[t][i] * (
                close[t + 1][i] / open_[t + 1][i] - 1
            )
            traded += abs(weights[t][i] - held)
        returns.append(float(earned - traded * cost_bp / 10_000))
        traded_each_day.append(float(traded))
    return returns, traded_each_day


def slow_performance(
    weights: NDArray[Any], open_: NDArray[Any], close: NDArray[Any], cost_bp: float, bars_a_year: float
) -> dict[str, float | None]:
    """Figures of `Performance` by name; a Sharpe ratio of None where the returns don't vary."""
    returns, traded = slow_account(weights, open_, close, cost_bp)
    equity, peak, worst = 1.0, 1.0, 0.0
    for earned in returns:
        equity *= 1 + earned
        peak = max(peak, equity)
        worst = min(worst, equity / peak - 1)
    mean = sum(returns) / len(returns)
    variance = sum((earned - mean) ** 2 for earned in returns) / (len(returns) - 1)
    return {
        "sharpe": mean / variance**0.5 * bars_a_year**0.5 if variance > 1e-24 else None,
        "max_drawdown": worst,
        "total_return": equity - 1,
        "turnover": sum(traded) / len(traded),
    }


def slow_tranches(tranches: NDArray[Any], horizon: int) -> NDArray[Any]:
    """(T, N) weights: one portfolio for each day's tranche (T, N), opened with 1/h of the capital and closed h days
    later."""
    days, names = tranches.shape
    weights = np.zeros((days, names))
    for opened in range(days):
        for day in range(opened, min(opened + horizon, days)):
            for i in range(names):
                weights[day][i] += tranches[opened][i] / horizon
    return weights
