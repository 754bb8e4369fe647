"""Multiple testing: levels of sequential trials, Holm's step-down adjustment, and which trials share a ledger."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FAMILY_LEVEL = 0.05  # what the levels of a ledger add up to, however many trials it has


def trial_level(k: int) -> float:
    """Alpha spending: the p-value that the k-th trial (from 1) of a ledger must stay below, 0.05 / (k (k + 1)). The
    levels add up to 0.05 over any number of trials, so that by the union bound (Dunn 1961, with unequal levels) a
    ledger of true nulls has a false `evidence` with at most 5 %, whatever their dependence."""
    return FAMILY_LEVEL / (k * (k + 1))


def adjusted_p_value(p_value: float, k: int) -> float:
    """The k-th trial's p-value on the scale of 0.05, at most 1: below 0.05 exactly where `p_value` (0 to 1) is below
    the trial's level (Dunn 1961)."""
    return min(1.0, p_value * k * (k + 1))


def holm_adjusted(p_values: Sequence[float | None]) -> Floats:
    """Holm's step-down adjustment (1979), (n,) in the order of `p_values` (n, may be 0): the largest, over the values
    up to each, of (values not below it) times the value, at most 1. A trial without a p-value counts as 1."""
    filled = np.array([1.0 if p is None else p for p in p_values])
    order = np.argsort(filled, kind="stable")
    ordered = filled[order]
    not_below = len(ordered) - np.searchsorted(ordered, ordered, side="left")
    adjusted = np.empty(len(ordered))
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, not_below * ordered))
    return adjusted


def holm_below_one(ascending: Iterable[float], count: int) -> tuple[list[float], list[float]]:
    """Holm's step-down adjustment (1979) of the smallest of `count` p-values, given in ascending order, and those
    p-values: up to and with the first that is adjusted to 1, as all later ones are. Reads no further."""
    p_values: list[float] = []
    adjusted: list[float] = []
    largest = 0.0
    for rank, p_value in enumerate(ascending):
        largest = max(largest, min(1.0, (count - rank) * p_value))
        p_values.append(p_value)
        adjusted.append(largest)
        if largest == 1.0:
            break
    return p_values, adjusted


def linked_ledgers(members: Sequence[Collection[int]]) -> NDArray[np.int64]:
    """Single-linkage clustering: for each of `members` (n sets of ids) the lowest position of the sets that are linked
    to it, (n,). Two are linked where they share at least half of the smaller, directly or through others; an empty set
    is linked to none."""
    columns = {one: column for column, one in enumerate(sorted({one for ids in members for one in ids}))}
    has = np.zeros((len(members), len(columns)), dtype=np.float32)
    for row, ids in enumerate(members):
        has[row, [columns[one] for one in ids]] = 1.0
    sizes = has.sum(axis=1)
    shared = has @ has.T
    is_linked = (shared > 0) & (2 * shared >= np.minimum(sizes[:, None], sizes[None, :]))
    np.fill_diagonal(is_linked, val=True)
    lowest = np.arange(len(members))
    while True:  # each round hands the lowest position one link further
        spread = np.where(is_linked, lowest[None, :], len(members)).min(axis=1, initial=len(members))
        if np.array_equal(spread, lowest):
            return lowest
        lowest = spread
