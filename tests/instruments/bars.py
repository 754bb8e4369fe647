"""Series without bars, and bars without a series."""

import numpy as np

from instruments.models import Instrument, Series
from instruments.quant.bars import Bars


def walk(count: int, *, seed: int = 1, first: int = 1_000_000_800) -> Bars:
    close = np.random.default_rng(seed).uniform(5, 9, count)
    return Bars(
        time=np.arange(count) * 3600 + first,
        open=close,
        high=close + 1,
        low=close - 1,
        close=close,
        volume=np.arange(count, dtype=np.float64),
        adj_close=close / 3,
    )


def empty(symbol: str = "X", timeframe: str = "1h") -> Series:
    return Series.objects.create(instrument=Instrument.objects.get_or_create(symbol=symbol)[0], timeframe=timeframe)
