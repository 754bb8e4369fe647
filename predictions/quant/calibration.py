"""How often what was given a probability came true."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.quant.stats.classification import wilson

Floats = NDArray[np.float64]
BINS = 20  # each a twentieth wide


@dataclass(frozen=True)
class Bin:
    """Candles with a probability from `low` on and below `high`; `share` of them rose, 95 % interval by Wilson."""

    low: float
    high: float
    rows: int
    up: int
    share: float
    interval: tuple[float, float]


def calibration(up: Floats, probability: Floats) -> list[Bin]:
    """The bins that hold candles, ascending. `up`: (n,) of 0 and 1, `probability`: (n,) from 0 to 1; no NaN."""
    place = np.minimum((probability * BINS + 1e-9).astype(np.int64), BINS - 1)
    rows = np.bincount(place, minlength=BINS)
    risen = np.bincount(place, weights=up, minlength=BINS).astype(np.int64)
    return [
        Bin(i / BINS, (i + 1) / BINS, int(n), int(k), int(k) / int(n), wilson(int(k), int(n)))
        for i, (n, k) in enumerate(zip(rows, risen, strict=True))
        if n
    ]
