"""Walk-forward confirmation of a candle run: the same recipe at the steps before it. PROTOCOL §3.

Each window is trained only on rows whose outcome was known at its own decision candle, and judged on the W outcomes
after it. To be pooled, a probability becomes its standing among the same model's probabilities for its training rows:
known at the decision, and comparable from window to window. Logistic regression on the same rows stands beside.

Why not ranks within the window: a feature of bar t holds the outcome of bar t-1, which lies in the same window. Ranking
within 35 candles then favours models that expect a turn: with logistic regression noise had p < 0.05 in 7.7 % of 1,500
runs (mean AUC 0.505), by standing in 4.2 % (0.500), at the same power. `scripts/bench honesty` measures it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix
from training.quant.candle.fit import fit_logistic
from training.quant.candle.outcomes import candle_label
from training.quant.candle.plan import plan_candle
from training.quant.candle.spec import STEPS, CandleSpec, format_time
from training.quant.candle.split import CandleSplit
from training.quant.candle.train import evidence_of, fit_candle, threshold_of
from training.quant.candle.verdict import Evidence
from training.quant.stats.classification import auc_with_interval

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


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
    spec: CandleSpec,
    on_window: Callable[[int, int], None],
    seen_until: int = 0,
) -> Confirmation:
    """Walk forward over the run at `decision` and up to 10 steps of W outcomes before it.

    `bars`: adjusted, without stale ones, from the warm-up before the earliest training period to the run's last test
    outcome. A live run has no window of its own. Steps without enough history, or of one class, are left out: `windows`
    may be empty.
    `seen_until` (seconds, UTC): windows decided before are not pooled, which may leave nothing.
    `on_window` hears (windows done, windows to do). Deterministic for `spec.seed`.
    """
    labels = candle_label(bars, spec)
    rows = np.flatnonzero(~np.isnan(labels))
    features = feature_matrix(bars, name=spec.feature_set, timeframe=spec.timeframe)[rows]
    labels = labels[rows]
    splits = _splits(bars, rows, decision, spec)
    windows = []
    for done, (at, split) in enumerate(splits):
        on_window(done, len(splits))
        windows.append(_window(features, labels, split, spec, decision=int(bars.time[at]), seen_until=seen_until))
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
    labels = candle_label(bars, spec)
    rows = np.flatnonzero(~np.isnan(labels))
    features = feature_matrix(bars, name=spec.feature_set, timeframe=spec.timeframe)[rows]
    places, ranks = [range(0)], [np.empty(0)]
    for at, split in _splits(bars, rows, decision, spec):
        if int(bars.time[at]) >= not_before:
            _, final = fit_candle(
                features, labels[rows], split=split, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None
            )
            test, train = (final.probability(features[part.start : part.stop]) for part in (split.test, split.train))
            ranks.append(percentile_rank(test, train))
            places.append(split.test)
    tested = rows[np.concatenate([np.asarray(place, dtype=np.int64) for place in places])]
    return Standings(bars.time[tested], labels[tested], np.concatenate(ranks))


def _splits(bars: Bars, rows: Rows, decision: int, spec: CandleSpec) -> list[tuple[int, CandleSplit]]:
    """(decision, split) of each step that can be trained, oldest first.

    The windows tile `rows`, the bars with an outcome: each begins where exactly W of them come before the next window.
    """
    splits = []
    own_row = int(np.searchsorted(rows, decision))
    for step in range(STEPS + 1):
        row = own_row - step * spec.test_window_size
        if row < 0:
            break
        at = int(rows[row]) if step else decision
        own = replace(spec, candle=format_time(datetime.fromtimestamp(int(bars.time[at]), tz=UTC)), live=False, folds=0)
        plan = plan_candle(bars, decision=at, spec=own)
        if not plan.problem:
            splits.append((at, plan.split))
    return splits[::-1]


def _window(
    features: Floats, labels: Floats, split: CandleSplit, spec: CandleSpec, *, decision: int, seen_until: int
) -> Window:
    validated, final = fit_candle(
        features, labels, split=split, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None
    )
    test, train, validation = (slice(part.start, part.stop) for part in (split.test, split.train, split.validation))
    y, p, p_train = labels[test], final.probability(features[test]), final.probability(features[train])
    threshold = threshold_of(
        spec,
        train=(labels[train], p_train),
        validation=(labels[validation], validated.probability(features[validation])) if validated else None,
    )
    logistic_rank = None
    if spec.model != "logistic":
        linear = fit_logistic(features, labels, rows=split.train, spec=spec)
        logistic_rank = percentile_rank(linear.probability(features[test]), linear.probability(features[train]))
    auc, interval = auc_with_interval(y, p) if 0 < y.sum() < len(y) else (None, None)
    return Window(
        decision=decision,
        train_rows=len(split.train),
        labels=y,
        probability=p,
        percentile_rank=percentile_rank(p, p_train),
        logistic_rank=logistic_rank,
        predicted_up=int((p >= threshold).sum()),
        auc=auc,
        interval=interval,
        seen=decision < seen_until,
    )


def percentile_rank(values: Floats, reference: Floats) -> Floats:
    """Share of `reference` below each value, half of the equal ones counted: 0 to 1, shape of `values`."""
    ordered = np.sort(reference)
    below, up_to = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    return (below + up_to) / (2.0 * len(ordered))


def _pool(windows: list[tuple[NDArray[Any], Floats]], seed: int, predicted_up: int | None = None) -> Evidence | None:
    """The evidence of all windows together."""
    if not windows:
        return None
    labels, scores = (np.concatenate(parts) for parts in zip(*windows, strict=True))
    return evidence_of(labels, scores, seed=seed, windows=len(windows), predicted_up=predicted_up)
