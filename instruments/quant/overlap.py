"""Bars that a source gives again, held against those stored: whether its whole history has been rewritten."""

import numpy as np

from instruments.quant.bars import Bars, Floats

_SAME = 5e-4  # of a factor: adjusted closes are rounded
_PRICES = ("close", "adj_close")


def is_rescaled(bars: Bars, stored: Bars) -> bool:
    """Whether the oldest common bars differ in close or adjusted close by one factor: what lies before them does, too.

    A split or a dividend rewrites all that came before it and nothing since, so bars that differ come first. False
    where no bar is common.
    """
    _, here, there = np.intersect1d(bars.time, stored.time, assume_unique=True, return_indices=True)
    return any(_begins_scaled(getattr(bars, name)[here], getattr(stored, name)[there]) for name in _PRICES)


def _begins_scaled(fresh: Floats, stored: Floats) -> bool:
    factors = fresh[:2] / stored[:2]
    if len(factors) == 0 or factors[0] == 1.0:
        return False
    return len(factors) == 1 or factors[1] == 1.0 or bool(abs(factors[1] / factors[0] - 1) < _SAME)
