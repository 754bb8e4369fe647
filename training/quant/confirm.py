"""Walk-forward confirmation of a candle run: the same recipe at the steps before it. PROTOCOL §3.

Each window is trained only on rows whose outcome was known at its own decision candle, and judged on the W candles
after it; probabilities are ranked within their window and pooled. Logistic regression on the same rows stands beside.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from instruments.quant.bars import Bars
from instruments.quant.features import feature_matrix
from training.quant.candle import evidence_of, fit_candle
from training.quant.labels import up_label
from training.quant.metrics import auc_with_interval, midranks
from training.quant.plan import plan_candle
from training.quant.significance import permutation_test
from training.quant.spec import CandleSpec, format_time
from training.quant.splits import CandleSplit
from training.quant.verdict import Evidence

Floats = NDArray[np.float64]
STEPS = 10  # windows before the run's own


@dataclass(frozen=True)
class Window:
    """One step: its decision candle (seconds, UTC), labels and probabilities of its W test rows.

    `auc` and `interval` are None where all its candles went the same way.
    """

    decision: int
    train_rows: int
    labels: Floats
    probability: Floats
    logistic: Floats
    auc: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Confirmation:
    """`windows` from the oldest to the run's own; the pooled evidence is None where there is nothing to rank."""

    windows: list[Window]
    pooled: Evidence | None
    logistic: Evidence | None


def confirm_candle(
    bars: Bars, *, decision: int, spec: CandleSpec, on_window: Callable[[int, int], None]
) -> Confirmation:
    """Walk forward over the run at `decision` and up to 10 steps of W candles before it.

    `bars`: adjusted, from the warm-up before the earliest training period to the run's last test outcome. A live run
    has no window of its own. Steps without enough history, or of one class, are left out: `windows` may be empty.
    `on_window` hears (windows done, windows to do). Deterministic for `spec.seed`.
    """
    features = feature_matrix(bars, name=spec.feature_set, timeframe=spec.timeframe)
    labels = up_label(bars.close)
    splits = _splits(bars, decision, spec)
    windows = []
    for done, (at, split) in enumerate(splits):
        on_window(done, len(splits))
        windows.append(_window(features, labels, split, spec, decision=int(bars.time[at])))
    return Confirmation(
        windows=windows,
        pooled=_pool([(w.labels, w.probability) for w in windows], spec.seed),
        logistic=_pool([(w.labels, w.logistic) for w in windows], spec.seed),
    )


def _splits(bars: Bars, decision: int, spec: CandleSpec) -> list[tuple[int, CandleSplit]]:
    """(decision, split) of each step that can be trained, oldest first."""
    found = []
    for step in range(STEPS + 1):
        at = decision - step * spec.test_window_size
        if at < 0:
            break
        own = replace(spec, candle=format_time(datetime.fromtimestamp(int(bars.time[at]), tz=UTC)), live=False)
        plan = plan_candle(bars, decision=at, spec=own)
        if not plan.problem:
            found.append((at, plan.split))
    return found[::-1]


def _window(features: Floats, labels: Floats, split: CandleSplit, spec: CandleSpec, *, decision: int) -> Window:
    _, final = fit_candle(features, labels, split=split, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None)
    test, train = slice(split.test.start, split.test.stop), slice(split.train.start, split.train.stop)
    y, p = labels[test], final.probability(features[test])
    linear = LogisticRegression(max_iter=500).fit(final.scaler.transform(features[train]), labels[train])
    auc, interval = auc_with_interval(y, p) if 0 < y.sum() < len(y) else (None, None)
    return Window(
        decision=decision,
        train_rows=len(split.train),
        labels=y,
        probability=p,
        logistic=linear.predict_proba(final.scaler.transform(features[test]))[:, 1],
        auc=auc,
        interval=interval,
    )


def _pool(windows: list[tuple[NDArray[Any], Floats]], seed: int) -> Evidence | None:
    """The permutation test of all windows, and DeLong's interval of the pooled within-window ranks."""
    tested = permutation_test(windows, seed=seed) if windows else None
    if tested is None:
        return None
    labels = np.concatenate([y for y, _ in windows])
    ranks = np.concatenate([(midranks(p) - 0.5) / len(p) for _, p in windows])
    return evidence_of(tested, auc_with_interval(labels, ranks)[1], positives=int(labels.sum()))
