"""What a candle run would use: its rows and their classes, and what is missing where it would not do.

Cheap and free of LightGBM, so that the chart can ask for every candle that the pointer crosses.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars, Seconds
from instruments.quant.features.candle import feature_set
from training.quant.candle.outcomes import candle_label
from training.quant.candle.spec import CandleSpec, parse_time
from training.quant.candle.split import (
    FOLD_ROWS,
    MIN_CLASS_ROWS,
    MIN_TRAIN_ROWS,
    CandleSplit,
    candle_split,
    fold_splits,
    training_start,
)

A_FORTNIGHT_S = 14 * 86_400  # holidays and weekends never close a market for so long
NO_STALE: Seconds = np.empty(0, dtype=np.int64)
STALE_WARNING, STALE_LIMIT = 0.2, 0.5  # shares of a period's bars


class NotTrainable(ValueError):
    """Too few rows, or of one class; `str` is the sentence for the user."""


@dataclass(frozen=True)
class SplitPart:
    """Rows of one part with their times (seconds since 1970, UTC; None where there are no rows) and classes."""

    rows: int
    first: int | None
    last: int | None
    down: int
    up: int


@dataclass(frozen=True)
class LeftOut:
    """What of a period's `bars` is no candle (`stale`), and which of its candles have no outcome (`unmoved`)."""

    bars: int
    stale: int
    unmoved: int

    @property
    def stale_share(self) -> float:
        return self.stale / self.bars if self.bars else 0.0


@dataclass(frozen=True)
class CandlePlan:
    """`rows`: (r,) int64, the bars that have an outcome; `split` numbers places in it and is None where too few rows
    are left to split. `span`: the bars from the first test decision to the last of the first window, those without an
    outcome too; `gaps`: the rows of the gap before validation and before test, where there are any. `tests`: the rows
    of each test window, of which the split's is the first and `later_windows` tells of the others. `folds`: of the
    training rows, oldest first, as many as there is room for of those that were asked for.

    `missing_after`: candles of gap and test windows that have not happened yet. `problem`: the sentence why it
    can't be trained, or "", and the field that it is about. `limited_by_history`: the training period begins where the
    history (or the features' warm-up) begins, later than was asked for. `left_out`: of the training period and the test
    span.
    """

    split_or_none: CandleSplit | None
    rows: NDArray[np.int64]
    span: range
    parts: dict[str, SplitPart]
    gaps: list[SplitPart]
    later_windows: list[SplitPart]
    left_out: dict[str, LeftOut]
    tests: list[range]
    folds: list[CandleSplit]
    problem: str
    problem_field: str
    missing_after: int
    usable_rows: int
    limited_by_history: bool

    @property
    def split(self) -> CandleSplit:
        if self.split_or_none is None:
            raise NotTrainable(self.problem)
        return self.split_or_none

    def require_trainable(self) -> None:
        if self.problem:
            raise NotTrainable(self.problem)

    @property
    def warnings(self) -> list[str]:
        """Sentences on bars and candles that are left out, for whoever reads the figures."""
        sentences = []
        for name, left_out in self.left_out.items():
            if left_out.stale_share > STALE_WARNING:
                sentences.append(f"{_stale_words(name, left_out)}: they are left out.")
        unmoved = self.left_out["test"].unmoved
        if unmoved:
            sentences.append(
                f"{unmoved} of the {len(self.span)} candles of the test window closed where the one before did: "
                f"figures speak of the {self.parts['test'].rows} candles that moved."
            )
        return sentences

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the chart's preview."""
        return {
            "parts": {name: vars(part) for name, part in self.parts.items()},
            "gaps": [vars(part) for part in self.gaps],
            "later_windows": [vars(part) for part in self.later_windows],
            "left_out": {name: vars(left_out) for name, left_out in self.left_out.items()},
            "warnings": self.warnings,
            "folds": len(self.folds),
            "problem": self.problem,
            "missing_after": self.missing_after,
            "usable_rows": self.usable_rows,
            "limited_by_history": self.limited_by_history,
        }


def plan_candle(bars: Bars, *, decision: int, spec: CandleSpec, stale_time: Seconds = NO_STALE) -> CandlePlan:
    """Plan of a run as of bar `decision` of `bars` (adjusted; at most `warmup` bars before the training period, none
    after the last test outcome; without stale ones, whose times are `stale_time`). Looks at closes up to the last test
    outcome."""
    warmup = feature_set(spec.feature_set).warmup
    start = int(training_start(parse_time(spec.candle), spec.train_years).timestamp())
    first = max(int(np.searchsorted(bars.time, start, side="left")), warmup)
    labels = candle_label(bars, spec)
    rows = np.flatnonzero(~np.isnan(labels))
    first_row, decision_row = np.searchsorted(rows, (first, decision)).tolist()
    missing_after = max(0, spec.rows_after - (len(rows) - decision_row))
    window = 0 if missing_after else spec.test_window_size
    split, folds = _splits(spec, first=first_row, decision=decision_row, window=window)
    parts = split_parts(bars.time, labels, rows, split)
    fit, gaps = range(0), [range(0), range(0)]
    if split is not None:
        fit, gaps = split.fit, _gaps(split, decision_row)

    def part_of(part: range) -> SplitPart:
        return _part(bars.time, labels, rows[part.start : part.stop])

    span = _span(rows, decision, decision_row, gap=spec.gap, window=window)
    tests = [] if split is None or not window else _tests(split.test, spec.windows)
    periods = {"train": range(min(first, decision), decision), "test": span}
    left_out = {name: _left_out(bars.time, labels, period, stale_time) for name, period in periods.items()}
    usable = max(0, decision_row - first_row)
    limited = first >= len(bars) or int(bars.time[first]) - start > A_FORTNIGHT_S
    problem = _stale_problem(left_out) or _problem(
        usable, parts["train"], part_of(fit), missing_after, spec, limited=limited
    )
    fold_problem = "" if problem or not spec.folds else _fold_problem(labels[rows], folds, usable, spec)
    return CandlePlan(
        split_or_none=split,
        rows=rows,
        span=span,
        parts=parts,
        gaps=[part_of(gap) for gap in gaps if len(gap)],
        later_windows=[part_of(test) for test in tests[1:]],
        left_out=left_out,
        tests=tests,
        folds=folds,
        problem=problem or fold_problem,
        problem_field="folds" if fold_problem else "candle_date",
        missing_after=missing_after,
        usable_rows=usable,
        limited_by_history=limited,
    )


def _splits(
    spec: CandleSpec, *, first: int, decision: int, window: int
) -> tuple[CandleSplit | None, list[CandleSplit]]:
    """The split of the rows and the run's folds; None and none where too few rows are left to train on."""
    rows = {"first": first, "decision": decision, "gap": spec.gap}
    try:
        split = candle_split(**rows, window=window, protocol=spec.protocol, stops_early=spec.stops_early)
    except (ValueError, IndexError):
        return None, []
    if not spec.folds:
        return split, []
    return split, fold_splits(**rows, folds=spec.folds, protocol=spec.protocol, stops_early=spec.stops_early)


def _span(rows: NDArray[np.int64], decision: int, decision_row: int, *, gap: int, window: int) -> range:
    """The bars from the first test decision to the last."""
    if not window:
        return range(decision, decision)
    start = int(rows[decision_row + gap - 1]) + 1 if gap else decision
    return range(start, int(rows[decision_row + gap + window - 1]) + 1)


def _tests(first: range, windows: int) -> list[range]:
    return [range(first.start + i * len(first), first.stop + i * len(first)) for i in range(windows)]


def _gaps(split: CandleSplit, decision_row: int) -> list[range]:
    before_validation = range(split.fit.stop, split.validation.start if len(split.validation) else split.fit.stop)
    return [before_validation, range(decision_row, split.test.start if len(split.test) else decision_row)]


def split_parts(
    time: Seconds, labels: NDArray[np.float64], rows: NDArray[np.int64], split: CandleSplit | None
) -> dict[str, SplitPart]:
    """Train, validation and test of a split of `rows`, places in `time` and `labels`; all empty where there is none."""
    ranges = {"train": range(0), "validation": range(0), "test": range(0)}
    if split is not None:
        ranges = {"train": split.train, "validation": split.validation, "test": split.test}
    return {name: _part(time, labels, rows[part.start : part.stop]) for name, part in ranges.items()}


def _part(time: NDArray[np.int64], labels: NDArray[np.float64], rows: NDArray[np.int64]) -> SplitPart:
    if not len(rows):
        return SplitPart(0, None, None, 0, 0)
    up = int(labels[rows].sum())
    return SplitPart(len(rows), int(time[rows[0]]), int(time[rows[-1]]), len(rows) - up, up)


def _left_out(time: Seconds, labels: NDArray[np.float64], period: range, stale_time: Seconds) -> LeftOut:
    """Of the bars from the first of `period` up to the one after it, which there always is."""
    if not len(period):
        return LeftOut(0, 0, 0)
    first, stop = np.searchsorted(stale_time, (time[period.start], time[period.stop])).tolist()
    unmoved = int(np.isnan(labels[period.start : period.stop]).sum())
    return LeftOut(len(period) + stop - first, stop - first, unmoved)


def _stale_words(name: str, left_out: LeftOut) -> str:
    period = {"train": "training period", "test": "test window"}[name]
    return (
        f"{left_out.stale} of the {left_out.bars} bars of the {period} ({left_out.stale_share:.0%}) are stale, "
        "their price only carried forward"
    )


def _stale_problem(left_out: dict[str, LeftOut]) -> str:
    for name, period in left_out.items():
        if period.stale_share > STALE_LIMIT:
            return f"{_stale_words(name, period)}: more than half of it can't be left out. Choose another candle."
    return ""


def _problem(
    usable: int, train: SplitPart, fit: SplitPart, missing_after: int, spec: CandleSpec, *, limited: bool
) -> str:
    if usable < MIN_TRAIN_ROWS:
        if limited:
            return (
                f"Too little history: {usable} candles before this one have all features "
                f"({spec.feature_set} looks back {feature_set(spec.feature_set).warmup}); {MIN_TRAIN_ROWS} are needed."
            )
        return (
            f"The training period of {spec.train_years:g} years holds {usable} candles; {MIN_TRAIN_ROWS} are needed. "
            "Choose a longer training period."
        )
    if min(train.down, train.up) < MIN_CLASS_ROWS:
        return (
            f"Of {train.rows} training candles {train.up} went up and {train.down} did not; "
            f"each is needed at least {MIN_CLASS_ROWS} times. Choose a longer training period or another candle."
        )
    if not fit.down or not fit.up:
        return (
            f"The {fit.rows} candles before the gap all went the same way. "
            "Choose a shorter gap or a longer training period."
        )
    if missing_after and not spec.live:
        there = spec.rows_after - missing_after
        return (
            f"Too few candles after this one: there are {there}, {_needing(spec)} {spec.rows_after}. "
            "Choose an earlier candle or a smaller test window, or train it live, without a test window."
        )
    return ""


def _needing(spec: CandleSpec) -> str:
    windows = "test windows" if spec.windows > 1 else "test window"
    if spec.gap:
        return f"gap and {windows} need"
    return f"the {windows} {'need' if spec.windows > 1 else 'needs'}"


def _fold_problem(labels: NDArray[np.float64], folds: list[CandleSplit], usable: int, spec: CandleSpec) -> str:
    if not folds:
        needed = MIN_TRAIN_ROWS + spec.gap + 2 * FOLD_ROWS
        return (
            f"Two folds need {needed} training candles: {MIN_TRAIN_ROWS + spec.gap} before them and {FOLD_ROWS} in "
            f"each. There are {usable}. Leave folds out, or choose a longer training period."
        )
    for number, split in enumerate(folds, start=1):
        for part in (split.fit, split.train, split.test):
            if len(set(labels[part.start : part.stop].tolist())) < 2:
                return (
                    f"All candles of fold {number} of {len(folds)}, or of its training, went the same way. "
                    "Choose fewer folds or a longer training period."
                )
    return ""
