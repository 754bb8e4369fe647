"""Walk-forward confirmation of a candle run: the same recipe at the steps before it. PROTOCOL §3.

Each window is trained only on rows whose outcome was known at its own decision candle, and judged on the W outcomes
after it. To be pooled, a probability becomes its standing among the same model's probabilities for its training rows:
known at the decision, and comparable from window to window. Logistic regression on the same rows stands beside.

Why not ranks within the window: a feature of bar t holds the outcome of bar t-1, which lies in the same window. Ranking
within 35 candles then favours models that expect a turn: with logistic regression noise had p < 0.05 in 7.7 % of 1,500
runs (mean AUC 0.505), by standing in 4.2 % (0.500), at the same power. `scripts/bench honesty` measures it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from training.quant.candle.plan import NotTrainable
from training.quant.candle.spec import STEPS, CandleSpec, format_time
from training.quant.candle.steps import (
    Configuration,
    StepModel,
    configurations_at,
    fitted,
    fitted_logistic,
    labelled_rows,
)
from training.quant.candle.train import evidence_of
from training.quant.candle.verdict import Evidence
from training.quant.ensemble.average import average, average_threshold
from training.quant.ensemble.spec import EnsembleSpec, how_of, trained_specs
from training.quant.stats.classification import auc_with_interval, percentile_rank

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """One step: its decision candle (seconds, UTC); labels, probabilities and standings (0 to 1) of its W test rows, of
    which `predicted_up` reached the threshold of its model. `logistic_rank` is None where logistic regression is the
    model.

    `auc` and `interval` are None where all its candles went the same way. What was `seen` by the search that chose the
    settings is not pooled: PROTOCOL §7.1.
    """

    decision: int
    train_rows: int
    labels: Floats
    probability: Floats
    percentile_rank: Floats
    logistic_rank: Floats | None
    predicted_up: int
    auc: float | None
    interval: tuple[float, float] | None
    seen: bool


@dataclass(frozen=True)
class Confirmation:
    """`windows` from the oldest to the run's own; the pooled evidence is None where there is nothing to rank, that of
    logistic regression also where that is the model."""

    windows: list[Window]
    pooled: Evidence | None
    logistic: Evidence | None


def confirm_candle(
    bars: Bars,
    *,
    decision: int,
    spec: CandleSpec | EnsembleSpec,
    on_window: Callable[[int, int], None],
    seen_until: int = 0,
) -> Confirmation:
    """Walk forward over the run at `decision` and up to 10 steps of W outcomes before it. Of an ensemble all members
    are trained again at each step.

    `bars`: adjusted, without stale ones, from the warm-up before the earliest training period to the run's last test
    outcome. A live run has no window of its own. Steps without enough history, or of one class, are left out: `windows`
    may be empty.
    `seen_until` (seconds, UTC): windows decided before are not pooled, which may leave nothing.
    `on_window` hears (windows done, windows to do). Deterministic for `spec.seed`.
    """
    steps = _steps(bars, decision, spec)
    windows = []
    for done, step in enumerate(steps):
        on_window(done, len(steps))
        windows.append(_window(step, how_of(spec), is_seen=step.decision < seen_until))
    unseen = [window for window in windows if not window.seen]
    predicted_up = sum(window.predicted_up for window in unseen)
    return Confirmation(
        windows=windows,
        pooled=_pool([(w.labels, w.percentile_rank) for w in unseen], spec.seed, predicted_up),
        logistic=_pool([(w.labels, w.logistic_rank) for w in unseen if w.logistic_rank is not None], spec.seed),
    )


@dataclass(frozen=True)
class Standings:
    """Of the test rows of all windows, in the order of time: `time` (n,) int64 seconds of the bars decided at, labels
    and percentile ranks (n,)."""

    time: NDArray[np.int64]
    labels: Floats
    percentile_rank: Floats


def walk_standings(bars: Bars, *, decision: int, spec: CandleSpec, not_before: int) -> Standings:
    """The same walk without its evidence, over the windows decided at or after `not_before` (seconds, UTC): for
    whoever compares several settings. May be of no rows."""
    steps = [step for step in _steps(bars, decision, spec) if step.decision >= not_before]
    places, labels, ranks = [np.empty(0, dtype=np.int64)], [np.empty(0)], [np.empty(0)]
    for step in steps:
        own = step.configurations[0]
        test = slice(own.split.test.start, own.split.test.stop)
        places.append(np.arange(test.start, test.stop))
        labels.append(own.labels[test])
        ranks.append(_ranked([fitted(own)], test, how_of(spec))[1])
    tested = labelled_rows(bars, spec).places[np.concatenate(places)]
    return Standings(bars.time[tested], np.concatenate(labels), np.concatenate(ranks))


@dataclass(frozen=True)
class _Step:
    """One decision (seconds, UTC), with the run's settings, or those of all members of an ensemble."""

    decision: int
    configurations: list[Configuration]


def _steps(bars: Bars, decision: int, spec: CandleSpec | EnsembleSpec) -> list[_Step]:
    """Those that can be trained, oldest first.

    The windows tile the rows with an outcome: each begins where exactly W of them come before the next window.
    """
    rows, specs, steps = labelled_rows(bars, spec), trained_specs(spec), []
    own_row = int(np.searchsorted(rows.places, decision))
    for step in range(STEPS + 1):
        row = own_row - step * spec.test_window_size
        if row < 0:
            break
        at = int(rows.places[row]) if step else decision
        candle = format_time(datetime.fromtimestamp(int(bars.time[at]), tz=UTC))
        with suppress(NotTrainable):
            configurations = configurations_at(
                bars, rows, at, [replace(one, candle=candle, live=False, folds=0) for one in specs]
            )
            steps.append(_Step(int(bars.time[at]), configurations))
    return steps[::-1]


def _window(step: _Step, how: str, *, is_seen: bool) -> Window:
    test = slice(step.configurations[0].split.test.start, step.configurations[0].split.test.stop)
    y = step.configurations[0].labels[test]
    score, rank, threshold = _ranked([fitted(each) for each in step.configurations], test, how)
    logistic_rank = None
    if any(each.spec.model != "logistic" for each in step.configurations):
        logistic_rank = _ranked([fitted_logistic(each) for each in step.configurations], test, how)[1]
    auc, interval = auc_with_interval(y, score) if 0 < y.sum() < len(y) else (None, None)
    return Window(
        decision=step.decision,
        train_rows=max(len(each.split.train) for each in step.configurations),
        labels=y,
        probability=score,
        percentile_rank=rank,
        logistic_rank=logistic_rank,
        predicted_up=int((score >= threshold).sum()),
        auc=auc,
        interval=interval,
        seen=is_seen,
    )


def _ranked(models: list[StepModel], test: slice, how: str) -> tuple[Floats, Floats, float]:
    """The models' average for the test rows, its percentile rank among its values for training rows, and where up
    begins."""
    references = [model.probability(model.train) for model in models]
    score = average(how, [model.probability(test) for model in models], references)
    reference = references[0]
    if len(models) > 1:  # rows known at the decision that lie in everybody's training period
        known = slice(max(model.train.start for model in models), max(model.train.stop for model in models))
        reference = average(how, [model.probability(known) for model in models], references)
    threshold = average_threshold(how, [model.threshold for model in models], references)
    return score, percentile_rank(score, reference), threshold


def _pool(windows: list[tuple[NDArray[Any], Floats]], seed: int, predicted_up: int | None = None) -> Evidence | None:
    """The evidence of all windows together."""
    if not windows:
        return None
    labels, scores = (np.concatenate(parts) for parts in zip(*windows, strict=True))
    return evidence_of(labels, scores, seed=seed, windows=len(windows), predicted_up=predicted_up)
