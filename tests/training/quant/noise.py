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


FILLS = ("flat", "flat with volume", "repeat", "untraded")


def fill_forward(bars: Bars, *, seed: int, share: float, how: str) -> tuple[Bars, np.ndarray]:
    """`bars` with stale ones put in at random, about `share` of all, and where those are: (n,) bool."""
    rng = np.random.default_rng(seed)
    copies = rng.geometric(1.0 - share, size=len(bars))
    copies[:30] = 1  # or a series without volume at its very start has untraded bars for candles there
    place = np.repeat(np.arange(len(bars)), copies)
    is_fill = np.concatenate(([False], place[1:] == place[:-1]))
    columns = {name: getattr(bars, name)[place].copy() for name in vars(bars)}
    number = np.arange(len(place)) - np.searchsorted(place, place)
    columns["time"] = columns["time"] + number * 60  # between this bar and the next
    if how != "repeat":
        columns["volume"][is_fill] = 70.0 if how == "flat with volume" else 0.0
        for name in ("open", "high", "low") if how.startswith("flat") else ():
            columns[name][is_fill] = columns["close"][is_fill]
    return Bars(**columns), is_fill


def weekdays(n: int) -> np.ndarray:
    days = np.arange(n)
    return (FIRST + (days // 5 * 7 + days % 5) * DAY).astype(np.int64)
