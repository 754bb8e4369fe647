"""Bars that a source gives again, held against those stored: whether its whole history has been rewritten, and which of
them somebody has repaired."""

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars, Floats
from instruments.quant.revisions import PRICES

Mask = NDArray[np.bool_]

_SAME = 5e-4  # of a factor: adjusted closes are rounded
_CLOSES = ("close", "adj_close")


def is_rescaled(bars: Bars, stored: Bars) -> bool:
    """Whether the oldest common bars differ in close or adjusted close by one factor: what lies before them does, too.

    A split or a dividend rewrites all that came before it and nothing since, so bars that differ come first. False
    where no bar is common.
    """
    _, here, there = np.intersect1d(bars.time, stored.time, assume_unique=True, return_indices=True)
    return any(_begins_scaled(getattr(bars, name)[here], getattr(stored, name)[there]) for name in _CLOSES)


def given_again(bars: Bars, before: Bars) -> tuple[Mask, Mask]:
    """Of `bars` that a source gives, (n,) each: which it gave just so `before` they were repaired, and which it gives
    otherwise now."""
    _, here, there = np.intersect1d(bars.time, before.time, assume_unique=True, return_indices=True)
    again, other = (np.zeros(len(bars), dtype=np.bool_) for _ in range(2))
    again[here] = np.all([getattr(bars, name)[here] == getattr(before, name)[there] for name in PRICES], axis=0)
    other[here] = ~again[here]
    return again, other


def with_bars_before(stored: Bars, before: Bars) -> Bars:
    """`stored` with the bars as they were `before` they were repaired, from its first bar on: what a source is held
    against."""
    before = before.where((before.time >= stored.time[0]) & (before.time <= stored.time[-1]))
    rest = stored.where(~np.isin(stored.time, before.time))
    place = np.searchsorted(rest.time, before.time)
    return Bars(*(np.insert(getattr(rest, name), place, getattr(before, name)) for name in ("time", *PRICES)))


def _begins_scaled(fresh: Floats, stored: Floats) -> bool:
    factors = fresh[:2] / stored[:2]
    if len(factors) == 0 or factors[0] == 1.0:
        return False
    return len(factors) == 1 or factors[1] == 1.0 or bool(abs(factors[1] / factors[0] - 1) < _SAME)
