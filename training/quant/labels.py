"""Outcomes of candle runs: what a row is asked to foretell. Besides this module only that of universes
(`training/quant/universe/forward.py`) looks forward."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
UNMOVED = 1e-9  # a relative change below it is rounding


def session_label(open_: Floats, close: Floats) -> Floats:
    """1.0 if c_{t+1} > o_{t+1}, else 0.0, of adjusted opens and closes, shape (n,); NaN where bar t+1 isn't known, and
    where it closed at its open, |c_{t+1}/o_{t+1} - 1| < 1e-9."""
    out = np.full(len(close), np.nan)
    moves = close[1:] / open_[1:] - 1.0
    out[:-1] = np.where(np.abs(moves) < UNMOVED, np.nan, moves > 0.0)
    return out


def up_label(close: Floats, horizon: int = 1, *, keep_unmoved: bool = False) -> Floats:
    """1.0 if c_{t+h} > c_t, else 0.0, of adjusted closes, shape (n,); NaN where there is no outcome.

    There is none where bar t+h isn't known, nor where the close did not move, |c_{t+h}/c_t - 1| < 1e-9: such a row is
    dropped. `keep_unmoved` calls an unmoved close 0.0, as releases before 0.2.0 did.
    """
    out = np.full(len(close), np.nan)
    if len(close) > horizon:
        out[:-horizon] = close[horizon:] > close[:-horizon]
        if not keep_unmoved:
            out[:-horizon][np.abs(close[horizon:] / close[:-horizon] - 1.0) < UNMOVED] = np.nan
    return out
