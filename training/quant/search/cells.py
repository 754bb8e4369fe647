"""What a cell of a sweep found, and the pooled score of a row of cells. PROTOCOL §7.4."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Seconds

Floats = NDArray[np.float64]
_ROW = np.dtype([("time", "<i8"), ("up", "?"), ("percentile_rank", "<f8")])


@dataclass(frozen=True)
class Cell:
    """The W test rows of one model: their decision times (seconds, UTC, ascending), whether the close rose, and the
    standing of each probability among those of the model's training rows (0 to 1). All are (W,).

    `last_outcome`: when the last of them was known. `auc` is None where all went the same way. A cell with a `problem`,
    a sentence, has no rows.
    """

    time: Seconds
    up: NDArray[np.bool_]
    percentile_rank: Floats
    last_outcome: int
    train_rows: int
    auc: float | None
    problem: str = ""

    @classmethod
    def failed(cls, problem: str) -> "Cell":
        return cls(np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0), 0, 0, None, problem)

    def to_bytes(self) -> bytes:
        """A line of JSON, then the rows in a fixed layout of 17 bytes each."""
        head = {name: getattr(self, name) for name in ("last_outcome", "train_rows", "auc", "problem")}
        rows = np.empty(len(self.time), _ROW)
        for name in _ROW.names or ():
            rows[name] = getattr(self, name)
        return json.dumps(head).encode() + b"\n" + rows.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Cell":
        """Back to the same bits."""
        head, rows = content.split(b"\n", 1)
        table = np.frombuffer(rows, _ROW)
        return cls(table["time"], table["up"], table["percentile_rank"], **json.loads(head))


@dataclass(frozen=True)
class PooledRow:
    """One score a bar: all bars that some model of a row of the sweep was tested on, ascending. All are (n,)."""

    time: Seconds
    up: NDArray[np.bool_]
    percentile_rank: Floats

    def at(self, bars: Seconds) -> "PooledRow":
        """Only those of `bars`, which are all among its own."""
        places = np.searchsorted(self.time, bars)
        return PooledRow(self.time[places], self.up[places], self.percentile_rank[places])


def pool_cells(cells: Sequence[Cell]) -> PooledRow:
    """Each bar once, with the mean standing of all models whose window holds it."""
    if not cells:
        return PooledRow(np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0))
    time, up, ranks = (np.concatenate([getattr(cell, name) for cell in cells]) for name in _ROW.names or ())
    bars, first, bar_of = np.unique(time, return_index=True, return_inverse=True)
    return PooledRow(bars, up[first], np.bincount(bar_of, ranks, len(bars)) / np.bincount(bar_of, minlength=len(bars)))
