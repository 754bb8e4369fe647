"""Could it be luck? Permutation of labels, and what a sample of its size can show at all."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.stats.classification import auc_of_ranks, midranks

Floats = NDArray[np.float64]
DRAWS, MORE_DRAWS, FEW = 1_000, 100_000, 10
CHUNK = 10_000  # draws at a time, to bound the memory


@dataclass(frozen=True)
class PermutationTest:
    """One-sided test of AUC > 0.5. `draws`: the permutations that `p_value` was counted in; 0 where it is the normal
    tail, which takes over where too few of them reach the observed AUC."""

    auc: float
    p_value: float
    draws: int


def permutation_test(labels: NDArray[Any], scores: Floats, *, seed: int) -> PermutationTest | None:
    """Permutation of the labels, statistic AUC of the scores' ranks (Phipson & Smyth 2010). `labels` (n,) of 0 and 1,
    `scores` (n,) float64, no NaN in either.

    p = (1 + draws that reach the observed AUC) / (1 + draws), with 1,000 draws, and 100,000 when fewer than 10 of them
    reach it. Where still fewer than 10 do, p is the normal tail of the Mann-Whitney statistic, but never above that
    share, so that a real edge can survive thousands of trials. None where all labels are alike: then there is nothing
    to rank. Deterministic for a seed.
    """
    up = np.asarray(labels == 1)
    if up.all() or not up.any():
        return None
    ranks = midranks(scores)
    observed = float(ranks[up].sum())
    rng = np.random.default_rng(seed)
    draws, reached = DRAWS, _reached(ranks, int(up.sum()), observed, DRAWS, rng)
    if reached < FEW:
        draws, reached = MORE_DRAWS, _reached(ranks, int(up.sum()), observed, MORE_DRAWS, rng)
    p_value = (1 + reached) / (1 + draws)
    if reached < FEW:
        tail = mann_whitney_tail(ranks, up)
        if tail < p_value:
            p_value, draws = tail, 0
    return PermutationTest(auc=auc_of_ranks(ranks, up), p_value=p_value, draws=draws)


def mann_whitney_tail(ranks: Floats, up: NDArray[np.bool_]) -> float:
    """One-sided p of AUC > 0.5: normal approximation of the rank sum (Mann & Whitney 1947), its variance corrected for
    ties.

    `ranks`: (n,) midranks; `up`: (n,) bool of both values. 1.0 where all ranks are tied. No correction for continuity.
    """
    n = len(ranks)
    n1 = int(up.sum())
    spread = float(((ranks - (n + 1) / 2.0) ** 2).sum())  # (n^3 - n) / 12 less its share of ties
    if spread == 0.0:
        return 1.0
    variance = n1 * (n - n1) * spread / (n * (n - 1))
    z = (float(ranks[up].sum()) - n1 * (n + 1) / 2.0) / math.sqrt(variance)
    return 0.5 * math.erfc(z / math.sqrt(2.0))


def _reached(ranks: Floats, positives: int, observed: float, draws: int, rng: np.random.Generator) -> int:
    """How many draws of `positives` ranks have a sum at or above the observed one (AUC is linear in it)."""
    fewer = min(positives, len(ranks) - positives)
    reached = 0
    for done in range(0, draws, CHUNK):
        size = min(CHUNK, draws - done)
        shuffled = rng.permuted(np.broadcast_to(ranks, (size, len(ranks))), axis=1)
        sums = shuffled[:, :fewer].sum(axis=1)
        reached += int(np.sum((sums if fewer == positives else ranks.sum() - sums) >= observed - 1e-9))
    return reached


def smallest_visible_auc(positives: int, negatives: int) -> float | None:
    """The AUC that a sample of this size can just tell from luck at 5 %, one-sided: 0.5 + 1.645 standard errors, the
    variance without skill being (n1 + n0 + 1) / (12 n1 n0) (Mann & Whitney 1947). At most 1; None with one class."""
    if positives == 0 or negatives == 0:
        return None
    spread = math.sqrt((positives + negatives + 1) / (12.0 * positives * negatives))
    return min(1.0, 0.5 + 1.6448536269514722 * spread)
