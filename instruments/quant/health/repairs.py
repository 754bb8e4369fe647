"""What the bars of a finding would be if they were repaired: proposals, which somebody looks at and applies.

Prices are only ever multiplied back by a ratio that is a split's or a power of ten, so that they come out as they were;
bars that say nothing are taken away. Nothing is estimated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import cast

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars, Floats
from instruments.quant.calendars import as_date
from instruments.quant.health.flaws import Flaw
from instruments.quant.health.prices import EXACT, LONGEST, NEAREST, QUIET, SHORT, is_unusual, price_scale
from instruments.quant.health.subject import Mask, Subject

OHLC = ("open", "high", "low", "close")
_BESIDE = 64  # bars whose volume tells on which scale a window's is
_FEWEST = 10  # bars of a window; of fewer the volume stays


class NoRepair(ValueError):
    """Nothing can be proposed; the sentence says what would help."""


@dataclass(frozen=True)
class Repair:
    """`after` (n,) takes the place of the subject's bars, but for those that are `removed`, (n,) bool. `text` says what
    is done."""

    after: Bars
    removed: Mask
    text: str


def propose(subject: Subject, flaw: Flaw) -> Repair:
    """Raises NoRepair."""
    if flaw.check not in _REPAIRS:
        raise NoRepair(flaw.proposal or "Nothing in these bars says what they should be.")
    return _REPAIRS[flaw.check](subject, flaw)


def _split(subject: Subject, flaw: Flaw) -> Repair:
    """The bars before on the scale of those after. Where closes are as traded, and `adj_close` is what lacks the split,
    that alone."""
    n, m = split_of(flaw)
    bars, k = subject.bars, int(np.searchsorted(subject.bars.time, flaw.first))
    off = abs(log(float(bars.adj_close[k] / bars.adj_close[k - 1])) - log(m / n))
    if off > max(3 * EXACT, QUIET * float(subject.sigma[k])):
        raise NoRepair(
            "The move is too far from a split's ratio to be sure of it. Look the split up, and import the bars."
        )
    if (back := _way_back(subject, k)) is not None:
        raise NoRepair(
            f"The price moves about as far the other way on {as_date(int(subject.days[back]))}: this may be one end of "
            "a window on another scale. Look at both, and import these bars from another source."
        )
    before = np.arange(len(bars)) < k
    if not np.array_equal(bars.adj_close[before], bars.close[before]):
        after = replace(bars, adj_close=np.where(before, bars.adj_close * (m / n), bars.adj_close))
        return Repair(
            after, _none(bars), f"The adjusted close of {_count(k)} before times {m / n:g}; prices as traded stay."
        )
    after = _times(subject, before, m / n)
    return Repair(after, _none(bars), f"Prices of {_count(k)} before times {m / n:g}, as by a split {n}:{m}.")


def _way_back(subject: Subject, k: int) -> int | None:
    """An unusual move about as far the other way, so near that no two splits lie so, and none itself: the other end of
    a window, on a day of news."""
    move, places = float(subject.moves[k]), np.flatnonzero(is_unusual(subject))
    splits = [flaw.first for flaw in price_scale(subject) if flaw.check == "split"]
    is_back = np.abs(subject.moves[places] + move) < min(NEAREST, 0.5 * abs(move))
    is_back &= (np.abs(places - k) <= LONGEST) & ~np.isin(subject.bars.time[places], splits)
    return int(places[is_back][0]) if is_back.any() else None


def _half_split(subject: Subject, flaw: Flaw) -> Repair:
    n, m = split_of(flaw)
    window = np.isin(subject.bars.time, flaw.times)
    after = _nearest(subject, window, m / n) if len(flaw.times) <= SHORT else _times(subject, window, n / m)
    return Repair(after, _none(subject.bars), f"Prices of {_count(len(flaw.times))} times {n / m:g}.")


def _slip(subject: Subject, flaw: Flaw) -> Repair:
    ratio = 10.0 ** round(log(float(str(flaw.figures["ratio"])), 10))
    window = np.isin(subject.bars.time, flaw.times)
    if len(flaw.times) <= SHORT:
        after = _nearest(subject, window, ratio)
    else:
        after = _prices_times(subject.bars, window, 1 / ratio)
    return Repair(
        after, _none(subject.bars), f"Prices of {_count(len(flaw.times))} times {1 / ratio:g}, where they are off."
    )


def _removal(subject: Subject, flaw: Flaw) -> Repair:
    removed = np.isin(subject.bars.time, flaw.times)
    if removed.all():
        raise NoRepair("No bar would be left. Import its bars again, from another source.")
    return Repair(subject.bars, removed, f"{_count(int(removed.sum()))} taken away.")


_REPAIRS: Mapping[str, Callable[[Subject, Flaw], Repair]] = {
    "split": _split,
    "half_split": _half_split,
    "slip": _slip,
    "outlier": _removal,
    "closed_days": _removal,
    "frozen": _removal,
    "stale": _removal,
}
REPAIRABLE = tuple(_REPAIRS)
ASKED_AGAIN = ("missing_sessions", "frozen", "stale")  # a source may tell what these bars are
ASKED_WHOLE = ("adjustment_drift",)  # all of the series


def _nearest(subject: Subject, window: Mask, ratio: float) -> Bars:
    """Of a few bars each price by itself: divided by the ratio, or times it, where that brings it nearer to the prices
    beside."""
    bars, columns = subject.bars, {}
    first, last = np.flatnonzero(window)[[0, -1]]
    beside = [*bars.close[:first][-1:], *bars.open[last + 1 :][:1]]
    level = float(np.mean(np.log(beside)))
    steps = np.array([0.0, log(ratio), -log(ratio)])
    for name in OHLC:
        prices = getattr(bars, name)
        distance = np.abs(np.log(prices)[:, None] - steps - level)
        divisor = np.array([1.0, ratio, 1.0 / ratio])[distance.argmin(axis=1)]
        columns[name] = np.where(window, prices / divisor, prices)
    highest, lowest = (pick(np.stack(list(columns.values())), axis=0) for pick in (np.max, np.min))
    columns["high"], columns["low"] = np.where(window, highest, bars.high), np.where(window, lowest, bars.low)
    return replace(bars, **columns, adj_close=bars.adj_close * (columns["close"] / bars.close))


def _times(subject: Subject, window: Mask, factor: float) -> Bars:
    """Prices of a window times a split's factor, and the volume the other way where that is nearer to what is traded
    beside: some vendors adjust prices alone."""
    scaled, bars = _prices_times(subject.bars, window, factor), subject.bars
    places = np.flatnonzero(window)
    near = np.r_[max(0, places[0] - _BESIDE) : places[0], places[-1] + 1 : places[-1] + 1 + _BESIDE]
    beside, own = (_usual(bars.volume[at]) for at in (near[near < len(bars)], places[-_BESIDE:]))
    if len(places) >= _FEWEST and beside and own and abs(log(own / factor / beside)) < abs(log(own / beside)):
        return replace(scaled, volume=np.where(window, bars.volume / factor, bars.volume))
    return scaled


def _prices_times(bars: Bars, window: Mask, factor: float) -> Bars:
    columns = {
        name: np.where(window, getattr(bars, name) * factor, getattr(bars, name)) for name in (*OHLC, "adj_close")
    }
    return replace(bars, **columns)


def _usual(volume: Floats) -> float:
    traded = volume[volume > 0]
    return float(np.median(traded)) if len(traded) else 0.0


def split_of(flaw: Flaw) -> tuple[int, int]:
    new, old = cast(Sequence[int], flaw.figures["split"])
    return new, old


def _none(bars: Bars) -> NDArray[np.bool_]:
    return np.zeros(len(bars), dtype=np.bool_)


def _count(bars: int) -> str:
    return "one bar" if bars == 1 else f"{bars:,} bars"
