"""Made-up universes: many names side by side, with what real ones have in common and what tempts a learner.

A name's return is its beta times the market's, its sector's, and its own: GARCH(1,1), each with a mean of exactly 0
(of simple returns: means of logarithms would grow with volatility). A planted signal makes the sign of a name's own
return likelier to be that of its own last `look_back` returns (or the opposite, where `tilt` is negative).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.daily import daily_features
from scripts.benchmarks.markets import ALPHA, BETA, weekdays
from training.quant.universe.panel import Panel, make_panel

Floats = NDArray[np.float64]

DAILY = 0.02  # median deviation of a name's own return
WORST = -0.6  # of a day: prices stay above 0


@dataclass(frozen=True)
class Universe:
    """`members` by symbol; `signal` (bars, names): what was planted, as known at each close; 0 where nothing was."""

    members: dict[str, Bars]
    signal: Floats

    def panel(self, *horizons: int) -> Panel:
        features = daily_features(list(self.members.values()))
        rows = zip(self.members, self.members.values(), features, strict=True)
        return make_panel(list(rows), horizons=horizons, first_day=0)


def universe(
    names: int,
    bars: int,
    *,
    seed: int,
    market: float = 0.0,
    sectors: int = 0,
    beta_drift: float = 0.0,
    skewness: float = 0.0,
    ragged: bool = False,
    tilt: float = 0.0,
    look_back: int = 20,
) -> Universe:
    """`market` is the deviation of the market's return, and of each of the `sectors` 0.7 of that; betas from 0.5 to
    1.5, moving by `beta_drift` a day; `skewness` of the own returns of the most volatile, 0 of the least; `ragged`:
    a third list late, a third end early."""
    rng = np.random.default_rng(seed)
    daily = DAILY * np.exp(rng.normal(0, 0.35, names))
    order = daily.argsort().argsort() / (names - 1)
    own, signal, volatility = _own_returns(rng, bars, daily, skewness=skewness * order, tilt=tilt, look_back=look_back)
    returns = own
    if market:
        drift = np.cumsum(rng.normal(0, beta_drift, (bars, names)), axis=0) if beta_drift else 0.0
        betas = np.abs(rng.uniform(0.5, 1.5, names) + drift)
        returns = returns + betas * _shocks(rng, bars, market)
    if sectors:
        members_of = np.arange(names) % sectors
        returns = returns + np.concatenate([_shocks(rng, bars, 0.7 * market) for _ in range(sectors)], 1)[:, members_of]
    close = 100 * np.cumprod(1 + np.maximum(returns, WORST), axis=0)
    first, stop = _listed(rng, bars, names, ragged)
    columns = _candles(rng, close, volatility)
    members = {f"S{j:04}": _bars(columns, j, int(first[j]), int(stop[j])) for j in range(names)}
    return Universe(members, signal)


def _own_returns(
    rng: np.random.Generator, bars: int, daily: Floats, *, skewness: Floats, tilt: float, look_back: int
) -> tuple[Floats, Floats, Floats]:
    """(bars, names) returns, the signal known at each close, and the deviation of each."""
    shape = (bars, len(daily))
    is_skewed = bool(skewness.any())
    sizes = np.abs(rng.standard_t(5, shape)) * np.sqrt(3 / 5)
    if is_skewed:
        shapes = 4 / np.maximum(skewness, 0.01) ** 2
        sizes = (rng.gamma(shapes, 1.0, shape) - shapes) / np.sqrt(shapes)
    coin = rng.random(shape)
    omega, variance = daily**2 * (1 - ALPHA - BETA), daily**2
    returns, signal, volatility = np.empty(shape), np.zeros(shape), np.empty(shape)
    trend = np.zeros(len(daily))
    for t in range(bars):
        volatility[t] = np.sqrt(variance)
        up = coin[t] < 1 / (1 + np.exp(-tilt * trend))
        returns[t] = np.where(up | is_skewed, 1, -1) * sizes[t] * volatility[t]
        variance = omega + ALPHA * returns[t] ** 2 + BETA * variance
        if tilt:
            recent = returns[max(0, t - look_back + 1) : t + 1].sum(axis=0)
            trend = np.clip(recent / (volatility[t] * np.sqrt(look_back)), -2, 2)
            signal[t] = np.sign(tilt) * trend
    return returns, signal, volatility


def _shocks(rng: np.random.Generator, bars: int, daily: float) -> Floats:
    """(bars, 1) returns of a factor."""
    return _own_returns(rng, bars, np.array([daily]), skewness=np.zeros(1), tilt=0.0, look_back=1)[0]


def _listed(rng: np.random.Generator, bars: int, names: int, ragged: bool) -> tuple[Floats, Floats]:
    """First bar of each name, and the one after its last."""
    first, stop = np.zeros(names), np.full(names, float(bars))
    if ragged:
        third = names // 3
        first[:third] = rng.integers(50, bars // 2, third)
        stop[third : 2 * third] = rng.integers(bars // 2, bars, third)
    return first, stop


def _candles(rng: np.random.Generator, close: Floats, volatility: Floats) -> dict[str, Floats]:
    open_ = close * np.exp(-rng.normal(size=close.shape) * volatility * 0.5)
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(size=close.shape)) * volatility * 0.3)
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(size=close.shape)) * volatility * 0.3)
    volume = rng.lognormal(14, 0.5, close.shape)
    return {"open": open_, "high": high, "low": low, "close": close, "volume": volume, "adj_close": close}


def _bars(columns: dict[str, Floats], j: int, first: int, stop: int) -> Bars:
    own = {name: np.ascontiguousarray(column[first:stop, j]) for name, column in columns.items()}
    return Bars(time=weekdays(len(columns["close"]))[first:stop], **own)
