"""What a sweep may claim: whether there is anything, and whether one row of it is better than another. PROTOCOL §7.4.

On noise a map of 16 candles and 5 rows has some cell below p = 0.05 in 93 %, so nothing is claimed of a cell. (a) Is
there anything: the largest row's AUC, against the largest row's when the labels are permuted. (b) Is one better: the
largest AUC less the mean, against the same when the rows change places. The test of (a) alone would name a best among
five equally good rows in 99 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from sys import float_info
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Seconds
from training.quant.search.cells import PooledRow
from training.quant.stats.classification import auc_with_interval, midranks
from training.quant.stats.significance import DRAWS, FEW, MORE_DRAWS, mann_whitney_tail

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
LEAST_COVER = 0.8  # of the sweep's bars, for a row to be compared
BETTER_LEVEL = 0.05  # of claim (b)


@dataclass(frozen=True)
class RowFigures:
    """Of one row: its AUC and 95 % interval (DeLong) over `bars` bars, None where they are of one class; `problem`, a
    sentence, where it is not compared."""

    auc: float | None
    auc_interval: tuple[float, float] | None
    bars: int
    problem: str = ""


@dataclass(frozen=True)
class SweepClaim:
    """`largest`: the place of the compared row with the largest AUC. `p_value` is that of claim (a), with its `draws`
    (0: normal tail); `p_better` that of claim (b), None where fewer than two rows are compared. All None where there is
    nothing to rank. `bars`: how many the compared rows share."""

    rows: list[RowFigures]
    bars: int
    largest: int | None = None
    p_value: float | None = None
    draws: int | None = None
    p_better: float | None = None


def is_one_better(*, p_value: float | None, p_better: float | None, level: float | None) -> bool:
    """Whether the largest row may be called better than the others: claim (a) below its trial's `level`, and claim (b)
    below 0.05."""
    if p_value is None or p_better is None or level is None:
        return False
    return p_value < level and p_better < BETTER_LEVEL


def sweep_claim(rows: Sequence[PooledRow], *, window: int, seed: int) -> SweepClaim:
    """Both claims over `rows` (one: claim (a) alone), whose models were tested on `window` bars each. Deterministic for
    a seed."""
    compared = _compared(rows)
    common = _common_bars([rows[place] for place in compared])
    row_figures = [
        _figures(row.at(common), "") if place in compared else _figures(row, _cover_text(row, rows))
        for place, row in enumerate(rows)
    ]
    if not compared or row_figures[compared[0]].auc is None:
        return SweepClaim(row_figures, len(common))
    shared = [rows[place].at(common) for place in compared]
    up, scores = shared[0].up, np.array([row.percentile_rank for row in shared])
    anything = largest_auc_test(up, scores, seed=seed)
    return SweepClaim(
        rows=row_figures,
        bars=len(common),
        largest=compared[anything.row],
        p_value=anything.p_value,
        draws=anything.draws,
        p_better=best_row_test(up, scores, window=window, seed=seed) if len(compared) > 1 else None,
    )


@dataclass(frozen=True)
class LargestAuc:
    """`row` has the largest AUC; `draws`: see stats.significance.PermutationTest."""

    row: int
    p_value: float
    draws: int


def largest_auc_test(up: Flags, scores: Floats, *, seed: int) -> LargestAuc:
    """One-sided permutation test of the largest AUC of R rows of scores (R, n) of the same n bars, `up` (n,) of both
    values: the labels are permuted over all bars, and the largest AUC is taken in each draw (Westfall & Young 1993).

    p and draws as in `permutation_test`; the normal tail is R times that of the largest row (Bonferroni).
    """
    ranks = np.array([midranks(row) for row in scores])
    sums = ranks[:, up].sum(axis=1)
    largest = int(sums.argmax())
    rng = np.random.default_rng(seed)
    draws, reached = DRAWS, _reached(ranks, up, sums[largest], DRAWS, rng)
    if reached < FEW:
        draws, reached = MORE_DRAWS, _reached(ranks, up, sums[largest], MORE_DRAWS, rng)
    p_value = (1 + reached) / (1 + draws)
    if reached < FEW:
        tail = len(ranks) * mann_whitney_tail(ranks[largest], up)
        if tail < p_value:
            p_value, draws = max(tail, float_info.min), 0  # a p-value is never 0
    return LargestAuc(largest, p_value, draws)


def _reached(ranks: Floats, up: Flags, observed: float, draws: int, rng: np.random.Generator) -> int:
    """In how many draws some row's rank sum is at or above the observed one (AUC is linear in it).

    Shuffled labels are read at each of their n rotations against the bars: a circular correlation, by FFT. A shuffle of
    its own for each of 100,000 draws of 14,000 bars would take a quarter of a minute. The bars are shuffled too, once,
    so that neighbouring rotations are independent however much a score goes along with those before it.
    """
    bars, reached = len(up), 0
    spectrum = np.fft.rfft(ranks[:, rng.permutation(bars)])
    for done in range(0, draws, bars):
        sums = np.fft.irfft(spectrum * np.conj(np.fft.rfft(rng.permutation(up))), bars)
        largest = sums.max(axis=0)[: draws - done]
        reached += int(np.count_nonzero(largest >= observed - 0.25))  # rank sums are whole or half numbers
    return reached


def best_row_test(up: Flags, scores: Floats, *, window: int, seed: int) -> float:
    """p of the largest AUC less the mean AUC of R rows of scores (R, n): in each of 1,000 draws the rows' scores change
    places among themselves within each `window` bars. Equally good rows are exchangeable there, and only there: models
    of one window are trained on nearly the same bars. `up`: (n,) of both values."""
    rows, bars = scores.shape
    window_of = np.arange(bars) // window
    places = np.unique(scores, return_inverse=True)[1].reshape(rows, bars)
    codes = 2 * places.astype(np.uint16 if places.max() < 2**15 else np.uint32)  # small whole numbers sort fastest
    observed = _lead(codes, up)
    rng = np.random.default_rng(seed)
    in_order = np.broadcast_to(np.arange(rows), (window_of[-1] + 1, rows))
    reached = 0
    for _ in range(DRAWS):
        row_of = rng.permuted(in_order, axis=1)[window_of].T
        reached += _lead(codes[row_of, np.arange(bars)], up) >= observed - 1e-6
    return (1 + reached) / (1 + DRAWS)


def _lead(codes: NDArray[Any], up: Flags) -> float:
    """Largest less mean rank sum of the rising bars, of even codes (R, n) in the order of the scores. Ties count half:
    sorted once with the rising bars after those of the same code, and once before them."""
    places = np.arange(1.0, codes.shape[1] + 1)
    after, before = (
        ((np.sort(codes + flag, axis=1, kind="stable") & 1) == value).astype(np.float64) @ places
        for flag, value in ((up, 1), (~up, 0))
    )
    sums = (after + before) / 2.0
    return float(sums.max() - sums.mean())


def _compared(rows: Sequence[PooledRow]) -> list[int]:
    """Places of those that cover enough of the sweep's bars."""
    needed = LEAST_COVER * len(_all_bars(rows))
    return [place for place, row in enumerate(rows) if len(row.time) and len(row.time) >= needed]


def _all_bars(rows: Sequence[PooledRow]) -> Seconds:
    return np.unique(np.concatenate([row.time for row in rows]))


def _common_bars(rows: Sequence[PooledRow]) -> Seconds:
    return reduce(np.intersect1d, [row.time for row in rows]) if rows else np.empty(0, np.int64)


def _cover_text(row: PooledRow, rows: Sequence[PooledRow]) -> str:
    if not len(row.time):
        return "Not compared: none of its cells can be judged."
    share = len(row.time) / len(_all_bars(rows))
    return f"Not compared: it covers {share:.0%} of the sweep's bars, and {LEAST_COVER:.0%} are needed."


def _figures(row: PooledRow, problem: str) -> RowFigures:
    if row.up.all() or not row.up.any():
        return RowFigures(None, None, len(row.time), problem)
    auc, interval = auc_with_interval(row.up, row.percentile_rank)
    return RowFigures(auc, interval, len(row.time), problem)
