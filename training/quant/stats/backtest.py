"""Profit and loss of following a model, bar by bar, after costs. One simulator for one instrument or many."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.calendars import TradingYear, session_days

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Performance:
    """Figures of a series of periodic returns; shares and returns are fractions, max_drawdown <= 0.

    `sharpe` is mean over sample deviation times the root of the bars a year (risk-free rate 0); None where the
    deviation is 0 or there are fewer than two returns. `turnover` is the mean of what is traded a bar, `exposure` that
    of the net weight. `equity` starts at 1 before the first return.
    """

    sharpe: float | None
    max_drawdown: float
    total_return: float
    turnover: float
    exposure: float
    returns: Floats
    equity: Floats

    def as_dict(self) -> dict[str, Any]:
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self).items()}


def tranche_weights(signals: Floats, horizon: int) -> Floats:
    """PROTOCOL §4: each day's signals get 1/h of the capital, equal weight, and are held h days.

    Overlapping portfolios (Jegadeesh & Titman 1993). `signals`: (T, N) float64 of -1, 0 and 1, no NaN. w_t = the mean
    of the last h signal vectors (those before the first count as flat), each s/N, so that the absolute weights of a day
    never add up to more than 1. A candle run is h = 1, N = 1.
    """
    days, names = signals.shape
    total = np.zeros((days, names))
    for age in range(min(horizon, days)):
        total[age:] += signals[: days - age]
    weights: Floats = total / (horizon * names)
    return weights


def simulate(*, weights: Floats, open_: Floats, close: Floats, cost_bp: float, bars_a_year: float) -> Performance:
    """PROTOCOL §3: a weight decided at the close of bar t is executed at the open of bar t+1.

    `weights`: (T, N) decided at bars 0 … T-1; `open_`, `close`: (T+1, N) adjusted prices of bars 0 … T. Starts flat.
    Bar t+1 earns w_{t-1} (o_{t+1}/c_t - 1) + w_t (c_{t+1}/o_{t+1} - 1) - cost |w_t - w_{t-1}|, summed over the N
    instruments. No NaN; ValueError where shapes differ.
    """
    if open_.shape != close.shape or open_.shape != (weights.shape[0] + 1, weights.shape[1]):
        raise ValueError("open and close need one bar more than weights, and the same instruments")
    before = np.vstack([np.zeros((1, weights.shape[1])), weights[:-1]])
    traded = np.abs(weights - before).sum(axis=1)
    overnight = before * (open_[1:] / close[:-1] - 1.0)
    intraday = weights * (close[1:] / open_[1:] - 1.0)
    returns = (overnight + intraday).sum(axis=1) - cost_bp / 1e4 * traded
    return performance(returns, traded=traded, net=weights.sum(axis=1), bars_a_year=bars_a_year)


def simulate_sessions(
    *, weights: Floats, open_: Floats, close: Floats, cost_bp: float, bars_a_year: float
) -> Performance:
    """A weight decided at the open of bar t+1 is bought there and sold at the same bar's close.

    Arguments and errors as of `simulate`. Bar t+1 earns w_t (c_{t+1}/o_{t+1} - 1) - 2 cost |w_t|, summed over the N
    instruments.
    """
    if open_.shape != close.shape or open_.shape != (weights.shape[0] + 1, weights.shape[1]):
        raise ValueError("open and close need one bar more than weights, and the same instruments")
    traded = 2.0 * np.abs(weights).sum(axis=1)
    intraday = weights * (close[1:] / open_[1:] - 1.0)
    returns = intraday.sum(axis=1) - cost_bp / 1e4 * traded
    return performance(returns, traded=traded, net=weights.sum(axis=1), bars_a_year=bars_a_year)


def performance(returns: Floats, *, traded: Floats, net: Floats, bars_a_year: float) -> Performance:
    """Figures of (T,) periodic returns, fractions after costs, T > 0, no NaN; `traded` and `net` (T,) are the absolute
    change and the sum of the weights. Sharpe 1966. The starting equity counts as a peak of the drawdown."""
    equity = np.concatenate(([1.0], np.cumprod(1.0 + returns)))
    spread = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    return Performance(
        sharpe=float(returns.mean()) / spread * math.sqrt(bars_a_year) if spread > 1e-12 else None,
        max_drawdown=float((equity / np.maximum.accumulate(equity) - 1.0).min()),
        total_return=float(equity[-1] - 1.0),
        turnover=float(traded.mean()),
        exposure=float(net.mean()),
        returns=returns,
        equity=equity,
    )


def bars_a_year(time: NDArray[np.int64], timeframe: str, year: TradingYear | None = None) -> float:
    """Bars a year: weekly 52; daily the sessions of the `year` of the instrument's calendar; shorter ones as many times
    the bars that a session has in `time` (n,) int64 (seconds, ascending, n > 0), its first and last one apart, which
    may be cut.

    Where no calendar is known: daily 252, or 365 where weekends are traded too; shorter bars as counted over the span
    that `time` covers, 252 where that is none."""
    if timeframe == "1w":
        return 52.0
    if year is not None:
        bars = 1.0 if timeframe == "1d" else _bars_a_session(time, timeframe, year)
        return float(round(year.sessions * bars))
    years = (int(time[-1]) - int(time[0])) / (365.25 * 86400)
    counted = (len(time) - 1) / years if years > 0 else 252.0
    if timeframe == "1d":
        return 365.0 if counted > 300 else 252.0
    return float(round(counted))


def _bars_a_session(time: NDArray[np.int64], timeframe: str, year: TradingYear) -> float:
    counts = np.unique(session_days(time, timeframe, year.calendar), return_counts=True)[1]
    return float((counts[1:-1] if len(counts) > 2 else counts).mean())
