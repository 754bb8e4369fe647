"""The composite: each feature's rank counts by how well it has ranked returns before. PROTOCOL §4b.1 and 3.

Ridge regression with the penalty gone to infinity: no feature is played off against another that looks like it, so
that overlapping outcomes can't be learnt by heart.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from boursomatic.shared.mapped import let_go
from training.quant.universe.ranks import by_blocks_of_days, centred_ranks, midranks_of_rows, row_table
from training.quant.universe.room import Room, columns_in_memory

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.signedinteger[Any]]

ROWS = 65_536  # a block of the sums, so that they are the same whatever the memory


def horizons_of(horizon: int) -> tuple[int, ...]:
    """The run's own, and the shorter one that a second composite is made for; alone below 4."""
    return (horizon,) if horizon < 4 else (horizon, max(1, round(horizon / 4)))


def feature_ranks(day: Ints, instrument: Ints, features: Singles, *, room: Room = columns_in_memory) -> Singles:
    """(n, k) centred rank of each feature among the rows of its day; 0, the middle, where it is missing. Columns lie
    one after another, in `room`; of what lies in files no more than one of them is in memory."""
    out = room(features.shape)
    table = row_table(day, instrument, int(instrument.max(initial=-1)) + 1)
    for k in range(features.shape[1]):
        by_blocks_of_days(table, features[:, k], _centred_or_middle, out=out[:, k])
        let_go(out, features)
    return out


def _centred_or_middle(values: Floats) -> Floats:
    return np.nan_to_num(centred_ranks(values))


def composite_weights(ranks: Singles, targets: Floats) -> Floats:
    """(k,) mean of rank x target over the rows that have a target: X'y up to their number. `ranks` (n, k), `targets`
    (n,) with NaN. Sums in float64, by blocks of rows in their order; on one BLAS thread if the caller sees to it. Rows
    without a target are left out before, so that rows of later days change no bit."""
    total = np.zeros(ranks.shape[1])
    used = np.flatnonzero(~np.isnan(targets))
    for start in range(0, len(used), ROWS):
        block = used[start : start + ROWS]
        total += ranks[block].T.astype(np.float64) @ targets[block]
        let_go(ranks)
    return total / max(1, len(used))


def composite(ranks: Singles, weights: Floats) -> Floats:
    """(m,) scores of (m, k) ranks, term after term: a row's is the same to the last bit alone and among others."""
    total = np.zeros(len(ranks))
    for k, weight in enumerate(weights.tolist()):
        total += ranks[:, k].astype(np.float64) * weight
    return total


def average_ranks(day: Ints, instrument: Ints, scores: list[Floats]) -> Floats:
    """(m,) mean of the scores' midranks within each day, centred as ranks are; no NaN in any. Midranks are exact, so
    that rows with the same sum of them are tied to the last bit."""
    days, place = np.unique(day, return_inverse=True)
    table = np.full((len(days), int(instrument.max(initial=0)) + 1), np.nan)
    total = np.zeros(len(day))
    for values in scores:
        table[place, instrument] = values
        total += midranks_of_rows(table)[place, instrument]
    return (total / len(scores) - 0.5) / np.bincount(place)[place] - 0.5
