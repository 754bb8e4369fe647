"""Bars of one series as arrays: what every stage after loading works on."""

import hashlib
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Seconds = NDArray[np.int64]


@dataclass(frozen=True)
class Bars:
    """One series, ascending by time, all arrays of length n, no NaN.

    `time` is seconds since 1970-01-01 UTC; prices are as the source gave them (unadjusted), `adj_close` is the close
    adjusted for splits and dividends, `volume` is as it was traded. Slices share memory: nobody writes into bars.
    """

    time: Seconds
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    adj_close: Floats

    def __len__(self) -> int:
        return len(self.time)

    def slice(self, start: int, stop: int) -> "Bars":
        """Bars start … stop-1."""
        window = slice(start, stop)
        return Bars(
            time=self.time[window],
            open=self.open[window],
            high=self.high[window],
            low=self.low[window],
            close=self.close[window],
            volume=self.volume[window],
            adj_close=self.adj_close[window],
        )

    def where(self, mask: NDArray[np.bool_]) -> "Bars":
        """Bars at which `mask`, (n,) bool, is true; these same bars where it is true of all."""
        if mask.all():
            return self
        return Bars(*(getattr(self, column.name)[mask] for column in fields(self)))

    def adjusted(self) -> "Bars":
        """Open, high, low and close times adj_close / close; volume untouched.

        Exactly 1 where adj_close equals close. Close is multiplied too, not replaced: one factor for all four keeps
        low <= close <= high to the last bit. Adjusting what is adjusted changes nothing.
        """
        if np.array_equal(self.adj_close, self.close):
            return self
        factor = np.where(self.adj_close == self.close, 1.0, self.adj_close / self.close)
        close = self.close * factor
        return Bars(
            time=self.time,
            open=self.open * factor,
            high=self.high * factor,
            low=self.low * factor,
            close=close,
            volume=self.volume,
            adj_close=close,
        )


def fingerprint(bars: Bars) -> str:
    """SHA-256 over every number of the bars, column by column, little-endian."""
    digest = hashlib.sha256()
    for column in fields(bars):
        values = getattr(bars, column.name)
        digest.update(np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<")).data)
    return digest.hexdigest()
