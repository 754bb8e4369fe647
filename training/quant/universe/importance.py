"""Which features keep their weight from fold to fold, beyond what shuffled copies of them get.

A shuffled copy of a feature is that of another instrument on the same days: it keeps how the values hang together over
time, which makes weights of overlapping outcomes look steady, and loses whom they belong to. Copies as a yardstick:
Kursa & Rudnicki, Feature Selection with the Boruta Package, Journal of Statistical Software 36, 2010.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boursomatic.shared.mapped import let_go
from training.quant.stats.classification import midranks
from training.quant.stats.threads import on_one_blas_thread
from training.quant.universe.honest.composite import ROWS
from training.quant.universe.noise_control import derangement
from training.quant.universe.ranks import row_table

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.signedinteger[Any]]

SHUFFLES = 19  # so that luck puts some feature of a fold above all copies in 1 of 20
MOST_ROWS = 60_000  # that shuffled weights are taken from, as far as days are not further apart than half a horizon


@dataclass(frozen=True)
class FoldImportance:
    """Of one fold: `features` (k,) their weights in its model, or shares of its trees' gain; `shadows` (s, k) those of
    s shuffled copies of each."""

    features: list[float]
    shadows: list[list[float]]

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "FoldImportance":
        return cls(stored["features"], stored["shadows"])

    @property
    def largest_shadow(self) -> float:
        return float(np.abs(self.shadows).max())


@dataclass(frozen=True)
class FeatureStability:
    """`mean` over the folds, and that of the `largest_shadow`; in how many folds it is `above` that fold's largest
    shadow, and in how many its sign is that of the mean. `is_kept`: both in all of them."""

    feature: str
    mean: float
    above: int
    same_sign: int
    is_kept: bool


@dataclass(frozen=True)
class ImportanceStability:
    """`agreement`: mean rank correlation of the features' importances between two folds, and `shadow_agreement` that of
    their shuffled copies, which share the folds' overlap; None where they never vary. `features`: the steadiest first.
    """

    folds: int
    agreement: float | None
    shadow_agreement: float | None
    largest_shadow: float
    features: list[FeatureStability]


def stand_ins(names: int, *, count: int, seed: int) -> Ints:
    """(count, N): for each instrument another one, each taken once."""
    rng = np.random.default_rng(seed)
    return np.array([derangement(names, rng) for _ in range(count)])


@on_one_blas_thread
def shadow_weights(
    ranks: Singles, day: Ints, instrument: Ints, targets: Floats, *, names: int, horizon: int, seed: int
) -> Floats:
    """(SHUFFLES, k) composite weights of shuffled features: of `ranks` (n, k) with the `targets` (n,), NaN where there
    is none, of each instrument's stand-in. On evenly spaced days, since outcomes overlap."""
    used = np.flatnonzero(~np.isnan(targets))
    every = max(1, min(horizon // 2, len(used) // MOST_ROWS))
    used = used[day[used] % every == 0]
    table, others = row_table(day, instrument, names), stand_ins(names, count=SHUFFLES, seed=seed)
    total, count = np.zeros((SHUFFLES, ranks.shape[1])), np.zeros((SHUFFLES, 1))
    for start in range(0, len(used), ROWS):
        block = used[start : start + ROWS]
        rows = table[day[block], others[:, instrument[block]]]
        values = np.where(rows < 0, np.nan, targets[rows])
        total += np.nan_to_num(values) @ ranks[block].astype(np.float64)
        count += (~np.isnan(values)).sum(axis=1, keepdims=True)
        let_go(ranks)
    shadows: Floats = total / np.maximum(count, 1)
    return shadows


def importance_stability(names: Sequence[str], folds: Sequence[FoldImportance]) -> ImportanceStability | None:
    """Over at least two folds, None otherwise; `names` (k,) of the features."""
    if len(folds) < 2:
        return None
    values = np.array([fold.features for fold in folds])
    shadows = np.array([fold.shadows for fold in folds])
    largest = np.array([fold.largest_shadow for fold in folds])
    mean = values.mean(axis=0)
    above, same = (np.abs(values) > largest[:, None]).sum(axis=0), (np.sign(values) == np.sign(mean)).sum(axis=0)
    rows = [
        FeatureStability(*row, is_kept=row[2] == row[3] == len(folds))
        for row in zip(names, mean.tolist(), above.tolist(), same.tolist(), strict=True)
    ]
    by_copy = [_agreement(shadows[:, copy]) for copy in range(shadows.shape[1])]
    measured = [each for each in by_copy if each is not None]
    return ImportanceStability(
        folds=len(folds),
        agreement=_agreement(values),
        shadow_agreement=float(np.mean(measured)) if measured else None,
        largest_shadow=float(largest.mean()),
        features=sorted(rows, key=lambda row: (-row.above, -abs(row.mean), row.feature)),
    )


def _agreement(values: Floats) -> float | None:
    """Mean Spearman correlation of every two of the rows (f, k) that vary."""
    ranked = [midranks(row) for row in values if np.ptp(row) > 0]
    pairs = [float(np.corrcoef(a, b)[0, 1]) for a, b in combinations(ranked, 2)]
    return float(np.mean(pairs)) if pairs else None
