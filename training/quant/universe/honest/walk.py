"""The recipe `honest` walked forward: fold after fold fitted on its past, all judged as one. PROTOCOL §4b."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.honest.train import (
    COMPOSITE,
    TREES,
    HonestFit,
    HonestRows,
    fit_honest,
    score_rows,
    score_table,
)
from training.quant.universe.judge import RankTest, rank_test

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True)
class HonestFold:
    """`first`, `last`: places of the days judged; `rows` (m,) the numbers of all rows of these days, whether their
    outcome is known or not; `scores` (m,) by name, "composite" and, where they were asked for, "trees"."""

    first: int
    last: int
    rows: Ints
    scores: dict[str, Floats]
    fit: HonestFit


def honest_fold(
    rows: HonestRows, *, first: int, last: int, embargo: int = 0, since: int = 0, with_trees: bool, seed: int
) -> HonestFold:
    """Fitted on what is known `embargo` days before the day at place `first`, from `since` on. Raises TooLittle, and
    AssertionError rather than let a walk tell a lie (PROTOCOL §5.2)."""
    fit = fit_honest(rows, until=first - embargo, since=since, with_trees=with_trees, seed=seed)
    if fit.used_until > first:
        raise AssertionError("an outcome used in fitting is later than the first decision that is judged")
    chosen = np.flatnonzero((rows.day >= first) & (rows.day <= last))
    names = (COMPOSITE, TREES) if with_trees else (COMPOSITE,)
    return HonestFold(first, last, chosen, {name: score_rows(rows, chosen, fit, name) for name in names}, fit)


def judge_walk(
    rows: HonestRows, folds: Sequence[HonestFold], *, close: Floats, score: str = COMPOSITE, bars_a_year: float = 252.0
) -> RankTest:
    """All folds, oldest first, each beginning where the one before ended, as one; `close` (D, N) as the panel's."""
    first, last = folds[0].first, folds[-1].last
    chosen = np.concatenate([fold.rows for fold in folds])
    table = score_table(rows, chosen, np.concatenate([fold.scores[score] for fold in folds]), first=first, last=last)
    return rank_test(
        table, first=first, horizon=rows.horizon, close=close, exposures=rows.exposures, bars_a_year=bars_a_year
    )
