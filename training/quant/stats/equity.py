"""What an equity curve tells beside its end: its worst drawdowns, its months, and the Sharpe ratio as it went."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from training.quant.stats.classification import Z95

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
WINDOW = (
    63  # trading days, a quarter of a year: of the rolling Sharpe ratio, and the fewest that an interval is given for
)
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Drawdown:
    """A fall from a peak of the equity. `peak`, `trough` and `recovered` are steps: 0 is the start, k after the k-th
    return; `recovered` is the first step at the peak's height again, None where there is none yet. depth < 0."""

    peak: int
    trough: int
    recovered: int | None
    depth: float


@dataclass(frozen=True)
class Month:
    """Return of a calendar month, `first` its first day's number since 1970, over `days` trading days."""

    first: int
    days: int
    total_return: float


@dataclass(frozen=True)
class Trade:
    """A stretch of bars over which a position was held: steps of its first and its last return, what it came to after
    costs, and its worst and best moment at a close or at its sale. `is_open`: still held at the end."""

    first: int
    last: int
    total_return: float
    worst: float
    best: float
    is_open: bool


def equity_of(returns: Floats) -> Floats:
    """(T + 1,) from 1 on, of (T,) periodic returns."""
    return np.concatenate(([1.0], np.cumprod(1.0 + returns)))


def returns_of(equity: Floats) -> Floats:
    """(T,) periodic returns of (T + 1,) equity."""
    ratios: Floats = equity[1:] / equity[:-1] - 1.0
    return ratios


def worst_drawdowns(equity: Floats, *, most: int = 5) -> list[Drawdown]:
    """The deepest falls below an earlier peak, deepest first. `equity` (T + 1,) > 0, its start a peak too."""
    peaks = np.maximum.accumulate(equity)
    below = equity < peaks * (1.0 - _ROUNDING)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], below, [False]))))
    falls = []
    for start, stop in edges.reshape(-1, 2).tolist():
        trough = start + int(equity[start:stop].argmin())
        depth = float(equity[trough] / peaks[trough] - 1.0)
        # A peak that lasts several steps begins the fall at its last one.
        falls.append(Drawdown(start - 1, trough, stop if stop < len(equity) else None, depth))
    return sorted(falls, key=lambda fall: fall.depth)[:most]


def monthly_returns(days: Ints, returns: Floats) -> list[Month]:
    """Compounded by calendar month. `days` (T,) ascending day numbers since 1970, those of `returns` (T,)."""
    if not len(days):
        return []
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    first, start = np.unique(months, return_index=True)
    growth = np.multiply.reduceat(1.0 + returns, start)
    counts = np.diff(np.append(start, len(days)))
    numbers = first.astype("datetime64[D]").astype(np.int64)
    columns = (numbers.tolist(), counts.tolist(), (growth - 1.0).tolist())
    return [Month(number, count, total) for number, count, total in zip(*columns, strict=True)]


def rolling_sharpe(returns: Floats, *, bars_a_year: float, window: int = WINDOW) -> Floats:
    """Annualised Sharpe ratio of the last `window` returns, risk-free rate 0, (T,): NaN before there are so many, and
    where they don't vary."""
    out = np.full(len(returns), np.nan)
    if len(returns) >= window:
        windows = np.lib.stride_tricks.sliding_window_view(returns, window)
        mean, spread = windows.mean(axis=1), windows.std(axis=1, ddof=1)
        varies = spread > _ROUNDING
        out[window - 1 :][varies] = mean[varies] / spread[varies] * math.sqrt(bars_a_year)
    return out


def mean_interval_a_year(returns: Floats, *, bars_a_year: float) -> tuple[float, float, float] | None:
    """Mean of (T,) periodic returns times the bars a year, with its 95 % interval by Student's t; None for fewer than
    `WINDOW` of them."""
    if len(returns) < WINDOW:
        return None
    mean = float(returns.mean()) * bars_a_year
    error = float(returns.std(ddof=1)) / math.sqrt(len(returns)) * bars_a_year
    half = float(stdtrit(len(returns) - 1, 0.975)) * error
    return mean, mean - half, mean + half


def sharpe_interval(returns: Floats, *, bars_a_year: float) -> tuple[float, float, float] | None:
    """Annualised Sharpe ratio of (T,) periodic returns with its 95 % interval from their skew and kurtosis (Mertens
    2002); None for fewer than `WINDOW` of them, and where they don't vary."""
    if len(returns) < WINDOW or (spread := float(returns.std(ddof=1))) < _ROUNDING:
        return None
    ratio = float(returns.mean()) / spread
    shape = (returns - returns.mean()) / returns.std()
    skew, kurtosis = float((shape**3).mean()), float((shape**4).mean())
    variance = max(0.0, 1.0 - skew * ratio + (kurtosis - 1.0) / 4.0 * ratio**2) / (len(returns) - 1)
    half, a_year = Z95 * math.sqrt(variance), math.sqrt(bars_a_year)
    return ratio * a_year, (ratio - half) * a_year, (ratio + half) * a_year


def session_trades(held: Bools, returns: Floats) -> list[Trade]:
    """As `trades_of`, of positions that are bought at a bar's open and sold at its close: each bar is a trade."""
    return [
        Trade(bar, bar, total, min(0.0, total), max(0.0, total), is_open=False)
        for bar, total in zip(np.flatnonzero(held).tolist(), returns[held].tolist(), strict=True)
    ]


def trades_of(held: Bools, returns: Floats) -> list[Trade]:
    """Unbroken stretches of `held`. Both (T,): bar by bar, whether the position decided before it was held at its
    close, and what the bar earned after costs. A position is sold at the open of the bar after the stretch, which
    therefore earns its night and pays its cost."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], held, [False])))).reshape(-1, 2)
    trades = []
    for start, stop in edges.tolist():
        last = min(stop, len(held) - 1)
        growth = np.cumprod(1.0 + returns[start : last + 1])
        trades.append(
            Trade(
                first=start,
                last=last,
                total_return=float(growth[-1] - 1.0),
                worst=float(min(1.0, growth.min()) - 1.0),
                best=float(max(1.0, growth.max()) - 1.0),
                is_open=stop == len(held),
            )
        )
    return trades
