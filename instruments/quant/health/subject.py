"""What checks look at: the bars of a series, the days of its calendar, and what its peers did."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars, Floats
from instruments.quant.calendars import Days, session_days
from instruments.quant.mismatch import Mismatch

Mask = NDArray[np.bool_]

BLOCK = 64  # bars whose usual move is one number
LEAST = 0.004  # a usual day's move is taken for at least that: quieter prices have steps, not moves
_MAD = 1.4826  # from the median of absolute moves to a normal standard deviation


@dataclass(frozen=True)
class SourceRange:
    """What a source holds of a series: seconds of its first and last bar."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class Rewrite:
    """An import that rewrote bars of other sources with closes that differ from theirs."""

    source: str
    mismatch: Mismatch


@dataclass(frozen=True)
class Subject:
    """Prices as stored, ascending. `sessions`: days on which its calendar trades, from its first bar to its last (None:
    unknown); days that its calendar's instruments agree about against the calendar are settled before. `newest`: the
    day of the last bar of any peer. `peers_moved`, `splits` (n,) bool or None: bars at which many peers made an unusual
    move too; bars at which a split is on record."""

    bars: Bars
    timeframe: str = "1d"
    calendar: str = ""
    sessions: Days | None = None
    newest: int | None = None
    peers_moved: Mask | None = None
    splits: Mask | None = None
    sources: Sequence[SourceRange] = ()
    rewrites: Sequence[Rewrite] = ()

    @cached_property
    def days(self) -> Days:
        return session_days(self.bars.time, self.timeframe, self.calendar)

    @cached_property
    def moves(self) -> Floats:
        """(n,) log return of the adjusted close; 0 at the first bar."""
        return log_returns(self.bars)

    @cached_property
    def sigma(self) -> Floats:
        """(n,) robust standard deviation of the moves around each bar."""
        return robust_sigma(self.moves)

    @cached_property
    def has_volume(self) -> bool:
        """Whether a bar without volume says anything: at least half have some."""
        return 2 * int(np.count_nonzero(self.bars.volume)) >= len(self.bars)


def log_returns(bars: Bars) -> Floats:
    logs = np.log(bars.adj_close)
    return np.diff(logs, prepend=logs[:1])


def robust_sigma(moves: Floats) -> Floats:
    """(n,) scaled median of the absolute moves that are not 0, of blocks of BLOCK bars: at each bar the largest of its
    block and the two beside it, at least LEAST. A median is not changed by a bar that is wrong."""
    n = len(moves)
    blocks = -(-n // BLOCK)
    padded = np.full(blocks * BLOCK, np.inf)
    padded[:n] = np.where(moves == 0.0, np.inf, np.abs(moves))
    padded = np.sort(padded.reshape(blocks, BLOCK), axis=1)
    count = np.isfinite(padded).sum(axis=1)
    median = np.where(count > 0, padded[np.arange(blocks), np.maximum(count - 1, 0) // 2], 0.0)
    median[count < BLOCK // 8] = 0.0  # too few to tell, such as the bars of a last block that has just begun
    wide = np.maximum(median, np.maximum(np.append(median[1:], 0.0), np.append(0.0, median[:-1])))
    if n and not wide.all():
        wide = np.where(wide == 0.0, np.median(np.abs(moves)), wide)
    return np.maximum(np.repeat(wide, BLOCK)[:n] * _MAD, LEAST)
