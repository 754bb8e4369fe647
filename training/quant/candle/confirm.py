"""Walk-forward confirmation of a candle run: the same recipe at the steps before it. PROTOCOL §3.

Each window is trained only on rows whose outcome was known at its own decision candle, and judged on the W outcomes
after it. To be pooled, a probability becomes its standing among the same model's probabilities for its training rows:
known at the decision, and comparable from window to window. Logistic regression on the same rows stands beside.

Why not ranks within the window: a feature of bar t holds the outcome of bar t-1, which lies in the same window. Ranking
within 35 candles then favours models that expect a turn: with logistic regression noise had p < 0.05 in 7.7 % of 1,500
runs (mean AUC 0.505), by standing in 4.2 % (0.500), at the same power. `scripts/bench honesty` measures it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from training.quant.candle.spec import STEPS, CandleSpec
from training.quant.candle.steps import (
    Step,
    StepModel,
    fitted,
    fitted_logistic,
    labelled_rows,
    own_steps,
    step_of_one_window,
)
from training.quant.candle.train import evidence_of
from training.quant.candle.verdict import Evidence
from training.quant.ensemble.average import average, average_threshold
from training.quant.ensemble.spec import EnsembleSpec, how_of, trained_specs
from training.quant.stats.classification import auc_with_interval, percentile_rank

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """A test window: its step's decision candle (seconds, UTC); labels, probabilities and standings (0 to 1) of its W
    test rows, of which `predicted_up` reached the threshold of its model. `logistic_rank` is None where logistic
    regression is the model, or isn't held beside it.

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
    """Walk forward over up to 10 steps of W outcomes before the run at `decision`, and over its own test windows. Of an
    ensemble all members are trained again at each step, each as long before it as it was before the ensemble's candle.

    `bars`: adjusted, without stale ones, from the warm-up before the earliest training period to the run's last test
    outcome. A live run has no window of its own. Steps without enough history, or of one class, are left out: `windows`
    may be empty.
    `seen_until` (seconds, UTC): windows decided before are not pooled, which may leave nothing.
    `on_window` hears (windows done, windows to do). Deterministic for `spec.seed`.
    """
    steps = _steps(bars, decision, spec)
    windows: list[Window] = []
    for done, step in enumerate(steps):
        on_window(done, len(steps))
        models = [fitted(each) for each in step.configurations]
        has_trees = any(each.spec.model != "logistic" for each in step.configurations)
        linear = [fitted_logistic(each) for each in step.configurations] if has_trees else []
        windows += judge_step(step, models, how_of(spec), is_seen=step.decision < seen_until, logistic=linear)
    unseen = [window for window in windows if not window.seen]
    return Confirmation(
        windows=windows,
        pooled=pool_windows(unseen, spec.seed),
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
        places += [np.arange(test.start, test.stop) for test in step.tests]
        labels += [own.labels[test] for test in step.tests]
        ranks += _scored([fitted(own)], step.tests, how_of(spec)).percentile_ranks
    tested = labelled_rows(bars, spec).places[np.concatenate(places)]
    return Standings(bars.time[tested], np.concatenate(labels), np.concatenate(ranks))


def _steps(bars: Bars, decision: int, spec: CandleSpec | EnsembleSpec) -> list[Step]:
    """Those that can be trained, oldest first, those of the run itself at the end.

    The windows tile the rows with an outcome: each begins where exactly W of them come before the next window, all of
    them after the same gap.
    """
    rows, specs = labelled_rows(bars, spec), trained_specs(spec)
    own_row = int(np.searchsorted(rows.places, decision))
    before = range(own_row - spec.test_window_size, -1, -spec.test_window_size)[:STEPS]
    steps = [step_of_one_window(bars, rows, int(rows.places[row]), specs) for row in reversed(before)]
    return [step for step in steps if step] + own_steps(bars, rows, decision, specs)


def judge_step(
    step: Step, models: Sequence[StepModel], how: str, *, is_seen: bool, logistic: Sequence[StepModel] = ()
) -> list[Window]:
    """The windows of a step by the models of its configurations, with `logistic` regression beside them if given."""
    own = step.configurations[0]
    scored = _scored(models, step.tests, how)
    logistic_ranks: Sequence[Floats | None] = [None] * len(step.tests)
    if logistic:
        logistic_ranks = _scored(logistic, step.tests, how).percentile_ranks
    windows = []
    for place, test in enumerate(step.tests):
        y, score = own.labels[test], scored.scores[place]
        auc, interval = auc_with_interval(y, score) if 0 < y.sum() < len(y) else (None, None)
        windows.append(
            Window(
                decision=step.decision,
                train_rows=max(len(each.split.train) for each in step.configurations),
                labels=y,
                probability=score,
                percentile_rank=scored.percentile_ranks[place],
                logistic_rank=logistic_ranks[place],
                predicted_up=int((score >= scored.threshold).sum()),
                auc=auc,
                interval=interval,
                seen=is_seen,
            )
        )
    return windows


@dataclass(frozen=True)
class _Scored:
    """Of each window (W,) the models' average and its percentile rank among its values for training rows; and where up
    begins."""

    scores: list[Floats]
    percentile_ranks: list[Floats]
    threshold: float


def _scored(models: Sequence[StepModel], tests: Sequence[slice], how: str) -> _Scored:
    references = [model.probability(model.train) for model in models]
    reference = references[0]
    if len(models) > 1:  # rows known at the decision, from where everybody's training period has begun
        known = slice(max(model.train.start for model in models), max(model.train.stop for model in models))
        reference = average(how, [model.probability(known) for model in models], references)
    scores = [average(how, [model.probability(test) for model in models], references) for test in tests]
    return _Scored(
        scores=scores,
        percentile_ranks=[percentile_rank(score, reference) for score in scores],
        threshold=average_threshold(how, [model.threshold for model in models], references),
    )


def pool_windows(windows: Sequence[Window], seed: int) -> Evidence | None:
    """The evidence of all windows together, one score a bar: its percentile rank."""
    predicted_up = sum(window.predicted_up for window in windows)
    return _pool([(window.labels, window.percentile_rank) for window in windows], seed, predicted_up)


def _pool(windows: list[tuple[Floats, Floats]], seed: int, predicted_up: int | None = None) -> Evidence | None:
    """The evidence of all windows together."""
    if not windows:
        return None
    labels, scores = (np.concatenate(parts) for parts in zip(*windows, strict=True))
    return evidence_of(labels, scores, seed=seed, windows=len(windows), predicted_up=predicted_up)
