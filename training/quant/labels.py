"""Outcomes: what a row is asked to foretell. The only place of the project that looks forward."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def forward_return(close: Floats, horizon: int) -> Floats:
    """R_t = c_{t+h} / c_t - 1 of one instrument's adjusted closes, shape (n,). NaN where bar t+h isn't known."""
    out = np.full(len(close), np.nan)
    if len(close) > horizon:
        out[:-horizon] = close[horizon:] / close[:-horizon] - 1.0
    return out


def up_label(close: Floats, horizon: int = 1) -> Floats:
    """1.0 if c_{t+h} > c_t, else 0.0; NaN where bar t+h isn't known (such a row is dropped, never counted as 0)."""
    out = np.full(len(close), np.nan)
    if len(close) > horizon:
        out[:-horizon] = close[horizon:] > close[:-horizon]
    return out
