"""What came after each row of a universe: the return over the horizon, and the day on which it is known."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]
PATIENCE = 2  # times the horizon: counted days after which a series without enough candles has ended


@dataclass(frozen=True)
class Forward:
    """Of each row (n,): `returns` R over one horizon, NaN while pending; `outcome` the place of the counted day on
    which R is known, D while pending; `ended` where R is up to the series' last close, for want of candles."""

    returns: Floats
    outcome: Ints
    ended: NDArray[np.bool_]

    def put(self, rows: slice, other: "Forward") -> None:
        """Those of `other` in the place of `rows`."""
        self.returns[rows], self.outcome[rows], self.ended[rows] = other.returns, other.outcome, other.ended

    @property
    def has_outcome(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.returns)


def empty_forward(rows: int) -> Forward:
    """To be filled."""
    return Forward(np.empty(rows), np.empty(rows, dtype=np.int32), np.empty(rows, dtype=np.bool_))


@dataclass(frozen=True)
class Candles:
    """All candles of a universe (m,), by instrument and then time: adjusted `close`, `instrument`, and `place`, that of
    the first counted day on or after the candle's own; `days` is D, the number of counted days, and the place of a
    candle after the last one."""

    close: Floats
    instrument: Ints
    place: Ints
    days: int

    def forward(self, rows: Ints, horizon: int) -> Forward:
        """Of the candles `rows` (n,), each on a counted day.

        R = c_{t+h} / c_t - 1 over the instrument's next h candles, where the h-th comes within 2h counted days; else
        c / c_t - 1 with the last close c within those days, known when they are over (PROTOCOL §4).
        """
        own, wait = self.place[rows], PATIENCE * horizon
        target = np.minimum(rows + horizon, len(self.close) - 1)
        by = self.place[target]
        has_come = (rows + horizon < len(self.close)) & (self.instrument[target] == self.instrument[rows])
        has_come &= (by <= own + wait) & (by < self.days)
        ended = ~has_come & (own + wait < self.days)
        target[ended] = self._last_until(rows[ended], own[ended] + wait)
        returns = self.close[target] / self.close[rows] - 1.0
        returns[~(has_come | ended)] = np.nan
        outcome = np.where(has_come, by, np.where(ended, own + wait, self.days)).astype(np.int32)
        return Forward(returns, outcome, ended)

    def _last_until(self, rows: Ints, place: Ints) -> Ints:
        """The last candle of the same instrument up to the counted day at `place` (n,)."""
        width = self.days + 1
        order = self.instrument.astype(np.int64) * width + self.place
        found: Ints = np.searchsorted(order, order[rows] - self.place[rows] + place, side="right") - 1
        return found
