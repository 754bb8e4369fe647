"""What following the BUYs of a universe's model earns, after costs, beside equal weight of the same days.

Each day's BUYs are a tranche: bought in equal parts at the next session's open, sold at the close of the horizon's last
session (overlapping portfolios, Jegadeesh & Titman 1993; PROTOCOL §4). The benchmark puts the same share of the capital
into every instrument that was spoken of on that day, at the same opens and closes, after the same costs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.days import counted_days

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
DAYS = np.dtype([("day", "<i4"), ("advice", "<f4"), ("equal", "<f4")])  # of a tranche, as it is stored


@dataclass(frozen=True)
class Prices:
    """Adjusted prices of N instruments on D days: `days` (D,) ascending day numbers since 1970, prices (D, N), NaN
    where an instrument has no bar."""

    days: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats

    def of(self, first: int, columns: Ints) -> "Prices":
        """From day place `first` on, of these instruments."""
        later = (getattr(self, name)[first:, columns] for name in ("open", "high", "low", "close"))
        return Prices(self.days[first:], *later)


@dataclass(frozen=True)
class Position:
    """A BUY as it went: `place` among the instruments spoken of, day numbers of `entry` and of the last close up to
    which it is known, `bars` closes held, the return before costs and after the costs so far, and the lowest and
    highest price since the entry against it. `is_open` before the horizon's last close."""

    place: int
    entry: int
    exit: int
    bars: int
    gross: float
    net: float
    worst: float
    best: float
    is_open: bool


@dataclass(frozen=True)
class FollowedTranche:
    """One day's recommendations as they went: the `days` (K,) after it that count, at most the horizon, and what the
    BUYs (NaN where nothing was bought) and all instruments in equal weight earned on each, after costs. `is_over`: sold
    at the close of the last one."""

    days: Ints
    is_over: bool
    advice: Floats
    equal: Floats
    positions: list[Position]

    def as_bytes(self) -> bytes:
        """Day by day, as `DAYS`: thousands of tranches are read at once, as one array."""
        stored = np.empty(len(self.days), dtype=DAYS)
        stored["day"], stored["advice"], stored["equal"] = self.days, self.advice, self.equal
        return stored.tobytes()


def follow_tranche(prices: Prices, bought: Bools, *, horizon: int, cost_bp: float) -> FollowedTranche:
    """`prices` of the N instruments spoken of, on the days after the recommendation; `bought` (N,).

    Days count as in a universe, by those spoken of, all of which traded up to the recommendation; a price is carried
    over days without a bar. What has no bar on the first day that counts is not bought: its part stays in cash. Later
    days than the horizon's change nothing, and with fewer days the answer is the beginning of the whole one, but for
    the cost of the sale.
    """
    counted = np.flatnonzero(counted_days(~np.isnan(prices.close), just_traded=True))[:horizon]
    days = prices.days[counted]
    if not len(counted):
        nothing = np.zeros(0)
        return FollowedTranche(days, False, nothing, nothing, [])
    span = slice(int(counted[0]), int(counted[-1]) + 1)
    entry = prices.open[span.start]
    gross = _carried(prices.close[span])[counted - span.start] / entry  # NaN: not bought
    is_over = len(counted) == horizon
    value = np.nan_to_num(gross * (1.0 - cost_bp / 1e4), nan=1.0)
    value[-1][~np.isnan(entry)] *= 1.0 - cost_bp / 1e4 * is_over
    worst, best = (np.nanmin(prices.low[span], axis=0, initial=np.inf), np.nanmax(prices.high[span], axis=0, initial=0))
    positions = [
        Position(
            place=place,
            entry=int(days[0]),
            exit=int(days[-1]),
            bars=len(days),
            gross=float(gross[-1, place] - 1.0),
            net=float(value[-1, place] - 1.0),
            worst=float(worst[place] / entry[place] - 1.0),
            best=float(best[place] / entry[place] - 1.0),
            is_open=not is_over,
        )
        for place in np.flatnonzero(bought & ~np.isnan(entry)).tolist()
    ]
    advice = _growth(value[:, bought]) if bought.any() else np.full(len(days), np.nan)
    return FollowedTranche(days, is_over, advice, _growth(value), positions)


@dataclass(frozen=True)
class Portfolio:
    """Tranches as one portfolio, day by day (T,): returns of the advice and of equal weight, and the shares of the
    capital that each has in the market and trades. `shares` is what the capital is divided by, None: by the most
    tranches held at once."""

    shares: int | None
    days: Ints
    advice: Floats
    equal: Floats
    exposure: Floats
    equal_exposure: Floats
    traded: Floats
    equal_traded: Floats


def combine_tranches(tranches: Sequence[tuple[bytes, bool]], *, shares: int | None) -> Portfolio | None:
    """Each tranche has one of `shares` equal parts of the capital (None: as many as there are at once), brought back to
    it daily. `tranches`: as bytes, and whether it is over. Weekdays on which there is none are in cash; None where no
    day counts."""
    begun = [(content, is_over) for content, is_over in tranches if content]
    if not begun:
        return None
    stored = np.frombuffer(b"".join(content for content, _ in begun), dtype=DAYS)
    lasts = np.cumsum([len(content) // DAYS.itemsize for content, _ in begun]) - 1
    firsts = np.concatenate(([0], lasts[:-1] + 1))
    day, advice = stored["day"].astype(np.int64), stored["advice"].astype(np.float64)
    days = _with_cash_days(np.unique(day), day[firsts], day[lasts])
    place = np.searchsorted(days, day)
    held = np.bincount(place, minlength=len(days))
    parts = shares or int(held.max())
    has_buys = ~np.isnan(advice)
    trades = np.zeros(len(day))
    trades[firsts] += 1.0
    trades[lasts] += [float(is_over) for _, is_over in begun]

    def by_day(values: Any) -> Floats:
        sums: Floats = np.bincount(place, values, minlength=len(days)) / parts
        return sums

    return Portfolio(
        shares=shares,
        days=days,
        advice=by_day(np.nan_to_num(advice)),
        equal=by_day(stored["equal"]),
        exposure=by_day(has_buys),
        equal_exposure=held / parts,
        traded=by_day(trades * has_buys),
        equal_traded=by_day(trades),
    )


def _with_cash_days(days: Ints, firsts: Ints, lasts: Ints) -> Ints:
    """Filled up where no tranche, each from its first to its last day, reaches over a gap: with every day whose weekday
    occurs, five of them for stocks, seven for coins."""
    change = np.zeros(len(days), dtype=np.int64)
    np.add.at(change, np.searchsorted(days, firsts), 1)
    np.add.at(change, np.searchsorted(days, lasts), -1)
    reaches_over = np.cumsum(change) > 0
    span = np.arange(days[0], days[-1] + 1)
    gap = np.searchsorted(days, span, side="right") - 1
    filled: Ints = np.union1d(days, span[np.isin(span % 7, days % 7) & ~reaches_over[gap]])
    return filled


def _carried(close: Floats) -> Floats:
    """Over days without a bar."""
    rows = np.where(np.isnan(close), 0, np.arange(len(close))[:, None])
    carried: Floats = np.take_along_axis(close, np.maximum.accumulate(rows, axis=0), axis=0)
    return carried


def _growth(value: Floats) -> Floats:
    """Daily returns of the mean of (K, n) values that begin at 1."""
    mean = np.concatenate(([1.0], value.mean(axis=1)))
    returns: Floats = mean[1:] / mean[:-1] - 1.0
    return returns
