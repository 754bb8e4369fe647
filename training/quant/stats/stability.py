"""How the features and scores of a model are distributed: kept with it, so that later days can be held against it.

Each column is cut at its own deciles into bins, and one more for missing values. The population stability index (PSI)
of a sample against the whole is the sum over bins of (q - p) ln(q / p) (Jeffreys 1946). Fifty shares of one day rise
and fall together and volatility comes in waves, so a few weeks differ from five years although nothing has changed: how
much they usually do is kept as well, as the PSI of each stretch of `STRETCH` days against the whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boursomatic.shared.mapped import let_go

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]

BINS = 10
STRETCH = 20  # days
MOST_ROWS = 40_000  # evenly spaced: more cost time and move no decile


@dataclass(frozen=True)
class Column:
    """`edges` ascending, at most BINS - 1 of them; `shares` of the bins between them, the last that of missing."""

    edges: list[float]
    shares: list[float]
    low: float
    high: float


@dataclass(frozen=True)
class Distribution:
    """Of some columns; `baseline` is the mean PSI over the columns of each STRETCH days, in order of time."""

    columns: dict[str, Column]
    baseline: list[float]

    def as_dict(self) -> dict[str, Any]:
        return {"columns": {name: vars(one) for name, one in self.columns.items()}, "usual": self.baseline}

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> "Distribution":
        return cls({name: Column(**one) for name, one in kept["columns"].items()}, kept["usual"])


def distribution_of(names: Sequence[str], values: Floats, day: Ints, *, rows: Ints | None = None) -> Distribution:
    """Of the rows `values` (n, k), n may be 0, decided on `day` (n,) int64, which need not follow one another; of those
    numbered `rows` (m,) where they are given. NaN is missing; the deciles are those of the rest, by linear
    interpolation. A column at a time: a copy of all would be large."""
    rows = np.arange(len(day)) if rows is None else rows
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.int64))
    columns, sample = {}, []
    for k, name in enumerate(names):
        column = values[:, k][rows]
        low, high = _limits(column)
        sample.append(column[chosen])
        edges = _edges(sample[-1])
        columns[name] = Column(edges, _shares(edges, sample[-1]).tolist(), low, high)
        let_go(values)
    values, day = np.stack(sample, axis=1), day[rows[chosen]]
    found = Distribution(columns, [])
    stretch = np.searchsorted(np.unique(day), day) // STRETCH
    whole = np.flatnonzero(np.bincount(stretch)) if len(day) else np.empty(0, dtype=np.int64)
    usual = [mean_psi(psi_by_column(found, values[stretch == one])) for one in whole[:-1].tolist()]
    return Distribution(columns, usual)


def psi_by_column(kept: Distribution, values: Floats) -> dict[str, float]:
    """PSI of each column of `values` (n, k), NaN missing, in the order of `kept.columns`; n may be 0."""
    return {
        name: _psi(np.array(column.shares), _shares(column.edges, values[:, k]))
        for k, (name, column) in enumerate(kept.columns.items())
    }


def mean_psi(by_column: dict[str, float]) -> float:
    """Over the columns, of which there is at least one."""
    return float(np.mean(list(by_column.values())))


def _limits(values: Floats) -> tuple[float, float]:
    """Smallest and largest known value; 0 where none is known."""
    known = values[~np.isnan(values)]
    return (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)


def _edges(values: Floats) -> list[float]:
    known = values[~np.isnan(values)]
    if not len(known):
        return []
    edges: list[float] = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)).tolist()
    return edges


def _shares(edges: list[float], values: Floats) -> NDArray[np.float64]:
    """Of each bin and of the missing; half a row is added to each, so that none is 0."""
    missing = np.isnan(values)
    counts = np.bincount(np.searchsorted(edges, values[~missing], side="right"), minlength=len(edges) + 1)
    padded = np.append(counts, missing.sum()) + 0.5
    return np.asarray(padded / padded.sum(), dtype=np.float64)


def _psi(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    return float(((q - p) * np.log(q / p)).sum())
