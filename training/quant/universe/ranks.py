"""Centred ranks within each day: (midrank - 1/2) / n - 1/2, from above -1/2 to below 1/2, 0 in the middle."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.signedinteger[Any]]
Table = NDArray[np.int32]
BLOCK = 400_000  # values ranked at a time, to bound the memory


def centred_ranks(values: Floats) -> Floats:
    """Of each of (T, N) values among those of its row; ties share their mean rank; NaN where the value is NaN."""
    ranks: Floats = rank_shares(values) - 0.5
    return ranks


def rank_shares(values: Floats) -> Floats:
    """The same from 0 to 1."""
    size = (~np.isnan(values)).sum(axis=1, keepdims=True)
    shares: Floats = (midranks_of_rows(values) - 0.5) / np.maximum(size, 1)
    return shares


def midranks_of_rows(values: Floats) -> Floats:
    """Ranks 1 … n of each of (T, N) values among those of its row, exact halves for ties; NaN where the value is."""
    out = np.full(values.shape, np.nan)
    step = max(1, BLOCK // max(1, values.shape[1]))
    for start in range(0, len(values), step):
        _rank_rows(values[start : start + step], out[start : start + step])
    return out


def ranks_by_day(day: Ints, instrument: Ints, values: Singles | Floats) -> Floats:
    """The same of (n,) rows, each a day's place and an instrument's, no pair twice."""
    ranks = np.empty(len(day))
    if len(day):
        table = row_table(day - day.min(), instrument, int(instrument.max()) + 1)
        by_blocks_of_days(table, values, centred_ranks, out=ranks)
    return ranks


def row_table(day: Ints, instrument: Ints, names: int) -> Table:
    """(D, N) numbers of the rows (n,), no day and instrument twice; -1 where there is none."""
    table = np.full((int(day.max(initial=-1)) + 1, names), -1, dtype=np.int32)
    table[day, instrument] = np.arange(len(day), dtype=np.int32)
    return table


def by_blocks_of_days(
    table: Table, values: Singles | Floats, of_days: Callable[[Floats], Floats], *, out: NDArray[Any]
) -> None:
    """Into `out` (n,) what `of_days` makes of `values` (n,), which it is given as (T, N) of some days, NaN where there
    is no row. `table` (D, N): which row lies where. A table of all days at once would be most of a run's memory."""
    step = max(1, BLOCK // max(1, table.shape[1]))
    for start in range(0, len(table), step):
        numbers = table[start : start + step]
        is_there = numbers >= 0
        rows = numbers[is_there]
        block = np.full(numbers.shape, np.nan)
        block[is_there] = values[rows]
        out[rows] = of_days(block)[is_there]


def _rank_rows(values: Floats, out: Floats) -> None:
    order = np.argsort(values, axis=1)  # NaN come last; equal values may come in any order
    ordered = np.take_along_axis(values, order, axis=1)
    places = np.arange(values.shape[1])
    new = np.ones(values.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(new, places, 0), axis=1)
    last = np.full(values.shape, values.shape[1] - 1)
    last[:, :-1] = np.where(new[:, 1:], places[:-1], values.shape[1] - 1)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    size = (~np.isnan(ordered)).sum(axis=1, keepdims=True)
    np.put_along_axis(out, order, np.where(places < size, (first + last) / 2.0 + 1.0, np.nan), axis=1)
