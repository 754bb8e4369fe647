"""Made-up markets: GARCH(1,1) with t-distributed shocks and independent signs, candles of their own shapes.

Without a slope the sign of the next return is a fair coin that nothing foretells. With one, P(up) is logistic in the
body of this bar's candle in units of its volatility (the scale-free feature `price_change` up to that unit). With a
tilt, P(up) is logistic in the return of the last 20 bars in units of its volatility: who rose tends to go on rising.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars

DAY = 86_400
MONDAY = 946_857_600  # 2000-01-03
SLOPES = {
    0.50: 0.0,
    0.60: 0.367,
    0.65: 0.565,
    0.75: 1.06,
}  # Bayes AUC -> slope, by simulation over a standard normal feature
TILTS = {
    0.00: 0.0,
    0.10: 0.10,
}  # mean rank IC of 20-bar returns with those of the 20 bars before -> tilt, by simulation
ALPHA, BETA = 0.08, 0.90


def market(
    bars: int,
    *,
    seed: int,
    bayes_auc: float = 0.50,
    rank_ic: float = 0.00,
    daily: float = np.sqrt(5e-5),
    has_edge: NDArray[np.bool_] | None = None,
) -> Bars:
    """`bars` weekday bars; `daily` is the long-run deviation of a day's return, 0.7 %. `has_edge`: (bars,), the returns
    that know of the bar before them, where not all do."""
    rng = np.random.default_rng(seed)
    size = np.abs(rng.standard_t(5, bars)) * np.sqrt(3 / 5)
    body, coin = rng.normal(size=bars), rng.random(bars)
    slopes = np.where(True if has_edge is None else has_edge, SLOPES[bayes_auc], np.zeros(bars))
    tilt = TILTS[rank_ic]
    omega = daily**2 * (1 - ALPHA - BETA)
    variance, before, trend = daily**2, 0.0, 0.0
    returns, volatility = np.empty(bars), np.empty(bars)
    for t in range(bars):
        volatility[t] = np.sqrt(variance)
        up = coin[t] < 1 / (1 + np.exp(-slopes[t] * before - tilt * trend))
        returns[t] = (1 if up else -1) * size[t] * volatility[t]
        variance = omega + ALPHA * returns[t] ** 2 + BETA * variance
        before = body[t]
        if tilt:
            trend = float(np.clip(returns[max(0, t - 19) : t + 1].sum() / (volatility[t] * np.sqrt(20)), -2, 2))
    close = 100 * np.exp(np.cumsum(returns))
    open_ = close * np.exp(-body * volatility * 0.5)
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(size=bars)) * volatility * 0.3)
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(size=bars)) * volatility * 0.3)
    return Bars(weekdays(bars), open_, high, low, close, rng.lognormal(14, 0.5, bars), close)


def filled_forward(bars: Bars, *, share: float, seed: int) -> Bars:
    """More bars among these, `share` of all then, that carry the close before them forward, as over holidays."""
    n = len(bars)
    more = np.random.default_rng(seed).choice(n, round(n * share / (1 - share)), replace=False)
    places = np.sort(np.append(np.arange(n), more))
    is_filled = np.append(False, places[1:] == places[:-1])
    close, volume = bars.close[places], np.where(is_filled, 0.0, bars.volume[places])
    open_, high, low = (np.where(is_filled, close, prices[places]) for prices in (bars.open, bars.high, bars.low))
    return Bars(weekdays(len(places)), open_, high, low, close, volume, close)


def untraded(bars: Bars, *, share: float, seed: int) -> Bars:
    """These bars with `share` of their days quoted but not traded: the close stays, the volume is 0."""
    n = len(bars)
    traded = np.full(n, fill_value=True)
    traded[1 + np.random.default_rng(seed).choice(n - 1, round(n * share), replace=False)] = False
    close = bars.close[np.maximum.accumulate(np.where(traded, np.arange(n), 0))]
    return replace(
        bars,
        open=np.where(traded, bars.open, close),
        high=np.where(traded, bars.high, close * 1.001),
        low=np.where(traded, bars.low, close * 0.999),
        close=close,
        volume=np.where(traded, bars.volume, 0.0),
        adj_close=close,
    )


def weekdays(count: int) -> NDArray[np.int64]:
    days = np.arange(count)
    return (MONDAY + (days // 5 * 7 + days % 5) * DAY).astype(np.int64)
