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
Ints = NDArray[np.int64]

DAILY = 0.02  # median deviation of a name's own return
WORST = -0.6  # of a day: prices stay above 0


@dataclass(frozen=True)
class Shocks:
    """What names do by themselves, or a factor does: (bars, n) `returns`, the `volatility` that each was drawn with and
    the `signal` known at each close. `daily` (n,) is the long-run deviation of the returns, `skewness` (n,) theirs."""

    daily: Floats
    skewness: Floats
    returns: Floats
    volatility: Floats
    signal: Floats


@dataclass(frozen=True)
class Factor:
    """What names have in common: `shocks` of one column, and `loadings` (bars, names), whose absolute values count and
    which move by `drift` a day."""

    shocks: Shocks
    loadings: Floats
    drift: float


@dataclass(frozen=True)
class Universe:
    """`members` by symbol; what their returns come from; `stop` (names,) the bar after the last one of each."""

    members: dict[str, Bars]
    own: Shocks
    factors: tuple[Factor, ...]
    stop: Floats

    @property
    def signal(self) -> Floats:
        """(bars, names): what was planted, as known at each close; 0 where nothing was."""
        return self.own.signal

    def panel(self, *horizons: int) -> Panel:
        features = daily_features(list(self.members.values()))
        rows = zip(self.members, self.members.values(), features, strict=True)
        return make_panel(list(rows), horizons=horizons, first_day=0)

    def redrawn(self, places: Ints, horizon: int, *, rng: np.random.Generator) -> Floats:
        """(m, names) returns over the `horizon` bars after each of the bars `places` (m,), or up to a name's last bar,
        drawn anew given all that was known at that bar's close. For universes in which nothing is planted."""
        moves = _redrawn(rng, self.own, places, horizon)
        for factor in self.factors:
            drift = np.cumsum(rng.normal(0, factor.drift, moves.shape), axis=0)
            moves += np.abs(factor.loadings[places] + drift) * _redrawn(rng, factor.shocks, places, horizon)
        is_there = places[:, None] + np.arange(1, horizon + 1)[:, None, None] < self.stop
        returns: Floats = np.prod(1 + np.where(is_there, np.maximum(moves, WORST), 0.0), axis=0) - 1
        return returns


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
    own = _shocks(rng, bars, daily, skewness=skewness * order, tilt=tilt, look_back=look_back)
    factors = []
    if market:
        drift = np.cumsum(rng.normal(0, beta_drift, (bars, names)), axis=0) if beta_drift else np.zeros((bars, names))
        loadings = rng.uniform(0.5, 1.5, names) + drift
        factors.append(Factor(_shocks(rng, bars, np.array([market])), loadings, beta_drift))
    for sector in range(sectors):
        is_member = np.broadcast_to((np.arange(names) % sectors == sector).astype(np.float64), (bars, names))
        factors.append(Factor(_shocks(rng, bars, np.array([0.7 * market])), is_member, 0.0))
    returns = sum((np.abs(factor.loadings) * factor.shocks.returns for factor in factors), own.returns)
    close = 100 * np.cumprod(1 + np.maximum(returns, WORST), axis=0)
    first, stop = _listed(rng, bars, names, ragged)
    columns = _candles(rng, close, own.volatility)
    members = {f"S{j:04}": _bars(columns, j, int(first[j]), int(stop[j])) for j in range(names)}
    return Universe(members, own, tuple(factors), stop)


def _shocks(
    rng: np.random.Generator,
    bars: int,
    daily: Floats,
    *,
    skewness: Floats | float = 0.0,
    tilt: float = 0.0,
    look_back: int = 1,
    variance: Floats | None = None,
) -> Shocks:
    """From the long-run variance on, or from `variance`, whose shape (..., n) the bars then have each."""
    start = daily**2 if variance is None else variance
    shape, skewness = (bars, *start.shape), np.broadcast_to(skewness, daily.shape)
    is_skewed = bool(skewness.any())
    sizes = np.abs(rng.standard_t(5, shape)) * np.sqrt(3 / 5)
    if is_skewed:
        shapes = 4 / np.maximum(skewness, 0.01) ** 2
        sizes = (rng.gamma(shapes, 1.0, shape) - shapes) / np.sqrt(shapes)
    coin = rng.random(shape)
    omega, variance = daily**2 * (1 - ALPHA - BETA), start
    returns, signal, volatility = np.empty(shape), np.zeros(shape), np.empty(shape)
    trend = np.zeros(start.shape)
    for t in range(bars):
        volatility[t] = np.sqrt(variance)
        up = coin[t] < 1 / (1 + np.exp(-tilt * trend))
        returns[t] = np.where(up | is_skewed, 1, -1) * sizes[t] * volatility[t]
        variance = omega + ALPHA * returns[t] ** 2 + BETA * variance
        if tilt:
            recent = returns[max(0, t - look_back + 1) : t + 1].sum(axis=0)
            trend = np.clip(recent / (volatility[t] * np.sqrt(look_back)), -2, 2)
            signal[t] = np.sign(tilt) * trend
    return Shocks(daily, skewness, returns, volatility, signal)


def _redrawn(rng: np.random.Generator, shocks: Shocks, places: Ints, horizon: int) -> Floats:
    """(horizon, m, n) returns of the bars after each of `places` (m,), from the variance known at its close."""
    following = np.minimum(places + 1, len(shocks.volatility) - 1)  # after the last bar there is no outcome anyway
    variance = shocks.volatility[following] ** 2
    return _shocks(rng, horizon, shocks.daily, skewness=shocks.skewness, variance=variance).returns


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
