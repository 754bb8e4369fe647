"""Bars made for tests: seeded, sound, without any signal unless one is planted."""

import numpy as np

from instruments.quant.bars import Bars

DAY = 86_400
FIRST = 946_857_600  # 2000-01-03, a Monday


def noise_bars(n: int = 1200, *, seed: int = 1, planted: float = 0.0, volatility: float = 0.01) -> Bars:
    """n weekday bars of a random walk. `planted` > 0 makes the next return follow the sign of this bar's body."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(5, size=n) * volatility
    body = rng.normal(0, volatility / 2, size=n)
    for t in range(1, n):
        shocks[t] += planted * volatility * np.sign(body[t - 1])
    close = 100.0 * np.exp(np.cumsum(shocks))
    open_ = close * np.exp(-body)
    high = np.maximum(open_, close) * (1 + np.abs(rng.normal(0, volatility / 4, n)))
    low = np.minimum(open_, close) * (1 - np.abs(rng.normal(0, volatility / 4, n)))
    return Bars(weekdays(n), open_, high, low, close, rng.lognormal(14, 0.5, n), close)


def weekdays(n: int) -> np.ndarray:
    days = np.arange(n)
    return (FIRST + (days // 5 * 7 + days % 5) * DAY).astype(np.int64)
