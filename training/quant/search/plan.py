"""Which rows a study looks at: those of a run with the same years at the oldest confirmation window. PROTOCOL §7.2.

Free of LightGBM and Optuna, so that a web process can refuse what can't come to anything.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from training.quant.candle.outcomes import candle_label
from training.quant.candle.plan import CandlePlan, NotTrainable, plan_candle
from training.quant.candle.spec import STEPS, CandleSpec, format_time

MIN_STEPS = 3  # confirmation windows that a study must leave unseen
MIN_FOLDS = 2
ROWS_BEFORE = 100  # that each fold is fitted on, at least
ROWS_IN = 30  # that it is judged on, at least


@dataclass(frozen=True)
class SearchFold:
    """Half-open ranges of rows: `fit` all rows before `held_out` and the gap before it."""

    fit: range
    held_out: range


@dataclass(frozen=True)
class StudyPlan:
    """`decision`: the bar that the study stands at, the candle of the window `steps` windows of outcomes before the
    run's own. `rows`: (r,) int64, the bars with an outcome, of which `train` are used. `seen_until`: when the last
    outcome among them became known, at `decision` or before."""

    decision: int
    steps: int
    rows: NDArray[np.int64]
    train: range
    folds: tuple[SearchFold, ...]
    candle: datetime
    seen_until: datetime


def plan_study(bars: Bars, *, decision: int, spec: CandleSpec, folds: int) -> StudyPlan:
    """The plan of a study with up to `folds` folds for the run that `spec` asks for at bar `decision` of `bars`
    (adjusted, without stale ones, from the warm-up before the oldest training period on).

    It stands at the oldest confirmation window where it can be made, the 10th before the run's own at most. Raises
    NotTrainable with how much history is missing where fewer than 3 windows would be left unseen.
    """
    labels = candle_label(bars, spec)
    rows = np.flatnonzero(~np.isnan(labels))
    own_row = int(np.searchsorted(rows, decision))
    problem = _too_few(0, spec)
    for steps in range(STEPS, MIN_STEPS - 1, -1):
        row = own_row - steps * spec.test_window_size
        if row < 0:
            continue
        at = int(rows[row])
        plan = plan_candle(bars, decision=at, spec=_standing_at(spec, bars, at))
        problem = _problem(plan, spec)
        train = _train(plan)
        shares = search_folds(labels[rows[train.start : train.stop]], folds=folds, gap=spec.gap)
        if not plan.problem and shares:
            return StudyPlan(
                decision=at,
                steps=steps,
                rows=rows,
                train=train,
                folds=tuple(_from(train.start, fold) for fold in shares),
                candle=_moment(bars.time[at]),
                seen_until=_moment(bars.time[rows[train[-1]] + 1]),
            )
    raise NotTrainable(problem)


def search_folds(labels: NDArray[np.float64], *, folds: int, gap: int = 0) -> tuple[SearchFold, ...]:
    """The last half of rows with these `labels` (n,), in `folds` equal parts, or the most from 2 on that have at least
    30 rows and follow 100 each, both with both classes; empty where that can't be. An outcome is known by the next row,
    so that the rows right before a part may be fitted on, but for the last `gap` of them."""
    n = len(labels)
    half = n // 2
    for count in range(folds, MIN_FOLDS - 1, -1):
        edges = [half + number * (n - half) // count for number in range(count + 1)]
        parts = [SearchFold(range(start - gap), range(start, stop)) for start, stop in pairwise(edges)]
        if all(_is_sound(labels, fold) for fold in parts):
            return tuple(parts)
    return ()


def _is_sound(labels: NDArray[np.float64], fold: SearchFold) -> bool:
    parts = (labels[part.start : part.stop] for part in (fold.fit, fold.held_out))
    has_both = all(0 < part.sum() < len(part) for part in parts)
    return has_both and len(fold.fit) >= ROWS_BEFORE and len(fold.held_out) >= ROWS_IN


def _standing_at(spec: CandleSpec, bars: Bars, at: int) -> CandleSpec:
    return replace(spec, candle=format_time(_moment(bars.time[at])), live=True)


def _train(plan: CandlePlan) -> range:
    """All rows that a run there trains on or validates by."""
    split = plan.split_or_none
    return range(split.fit.start, max(split.train.stop, split.validation.stop)) if split else range(0)


def _from(first: int, fold: SearchFold) -> SearchFold:
    fit, held_out = (range(first + part.start, first + part.stop) for part in (fold.fit, fold.held_out))
    return SearchFold(fit, held_out)


def _problem(plan: CandlePlan, spec: CandleSpec) -> str:
    if len(_train(plan)) < _needed(spec):
        return _too_few(len(_train(plan)), spec)
    return plan.problem or (
        "In the last half of the training rows there is no fold but with candles that all went the same way. "
        "Choose another candle, or train without optimizing."
    )


def _needed(spec: CandleSpec) -> int:
    return 2 * (ROWS_BEFORE + spec.gap)


def _too_few(most: int, spec: CandleSpec) -> str:
    return (
        f"Too little history for a study: it looks only at what lies before the {MIN_STEPS} to {STEPS} windows of "
        f"{spec.test_window_size} candles that confirm the run, where the training period of {spec.train_years:g} "
        f"years holds {most} candles; {_needed(spec)} are needed. Choose a later candle, a longer training period or "
        "a smaller test window, or train without optimizing."
    )


def _moment(seconds: np.int64) -> datetime:
    return datetime.fromtimestamp(int(seconds), tz=UTC)
