"""How long a model lasts: the test windows of a run one after another, pooled as far as each, and its shelf life."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from training.quant.candle.confirm import Window, judge_step, pool_windows
from training.quant.candle.outcomes import candle_label
from training.quant.candle.spec import CandleSpec
from training.quant.candle.steps import LabelledRows, fitted, own_steps, step_model
from training.quant.candle.train import CandleOutcome
from training.quant.candle.verdict import Evidence
from training.quant.ensemble.spec import how_of
from training.quant.stats.classification import auc_with_interval

Interval = tuple[float, float]
NONE_SHOWN = "none shown"


@dataclass(frozen=True)
class JudgedWindow:
    """A test window with the times of its first and last decision (seconds), and `pooled`: AUC and 95 % interval of all
    unseen windows up to it, one score a bar; None while all their candles went the same way, and for a seen one."""

    window: Window
    first: int
    last: int
    pooled: tuple[float, Interval] | None


@dataclass(frozen=True)
class WindowReport:
    """All that could be judged, oldest first; none for a live run. `evidence` of a single one is the run's own."""

    windows: list[JudgedWindow]
    evidence: Evidence | None

    @property
    def shelf_life(self) -> int | None:
        """The number of the last window up to which the pooled interval stays above 0.5, those that a search has seen
        left out: 0 where none does, None without windows."""
        unseen = ((number, each) for number, each in enumerate(self.windows, start=1) if not each.window.seen)
        above = takewhile(lambda numbered: _is_above_luck(numbered[1]), unseen)
        return max((number for number, _ in above), default=0) if self.windows else None


NO_WINDOWS = WindowReport([], None)


def judge_windows(
    bars: Bars,
    outcome: CandleOutcome,
    spec: CandleSpec,
    *,
    decision: int,
    seen_until: int = 0,
    on_window: Callable[[int, int], None] = lambda *_: None,
) -> WindowReport:
    """The windows of the run at `decision` of adjusted `bars`, which end with the last window's last outcome: by the
    run's own model, or with `after: retrain` each by a model trained at its own decision candle. `seen_until` (seconds,
    UTC): windows decided before are not pooled. `on_window` hears (models judged, models to judge) before each further
    one."""
    if not len(outcome.plan.split.test):
        return NO_WINDOWS
    places = outcome.plan.rows
    rows = LabelledRows(places, candle_label(bars, spec)[places], {spec.feature_set: outcome.features})
    steps = own_steps(bars, rows, decision, [spec])
    windows: list[JudgedWindow] = []
    for done, step in enumerate(steps):
        own = step.configurations[0]
        if done:
            on_window(done, len(steps))
        model = fitted(own) if done else step_model(own, outcome.final, outcome.threshold)
        judged = judge_step(step, [model], how_of(spec), is_seen=step.decision < seen_until)
        for window, test in zip(judged, step.tests, strict=True):
            so_far = _unseen([*(each.window for each in windows), window])
            first, last = bars.time[rows.places[[test.start, test.stop - 1]]].tolist()
            windows.append(JudgedWindow(window, first, last, None if window.seen else _pooled(so_far)))
    unseen = _unseen(each.window for each in windows)
    if len(windows) == 1:  # its probabilities need no ranks to be pooled
        return WindowReport(windows, outcome.evidence if unseen else None)
    return WindowReport(windows, pool_windows(unseen, spec.seed))


def _unseen(windows: Iterable[Window]) -> list[Window]:
    return [window for window in windows if not window.seen]


def _is_above_luck(judged: JudgedWindow) -> bool:
    return judged.pooled is not None and judged.pooled[1][0] > 0.5


def _pooled(windows: list[Window]) -> tuple[float, Interval] | None:
    labels: NDArray[np.float64] = np.concatenate([window.labels for window in windows])
    if labels.min() == labels.max():
        return None
    return auc_with_interval(labels, np.concatenate([window.percentile_rank for window in windows]))
