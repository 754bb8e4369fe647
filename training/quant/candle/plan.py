"""What a candle run would use: its rows and their classes, and what is missing where it would not do.

Cheap and free of LightGBM, so that the chart can ask for every candle that the pointer crosses.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.candle import FEATURE_SETS
from training.quant.candle.spec import CandleSpec, parse_time
from training.quant.candle.split import MIN_CLASS_ROWS, MIN_TRAIN_ROWS, CandleSplit, candle_split, training_start
from training.quant.labels import up_label

A_FORTNIGHT_S = 14 * 86_400  # holidays and weekends never close a market for so long


class NotTrainable(ValueError):
    """Too few rows, or of one class; `str` is the sentence for the user."""


@dataclass(frozen=True)
class Part:
    """Rows of one part with their times (seconds since 1970, UTC; None where there are no rows) and classes."""

    rows: int
    first: int | None
    last: int | None
    down: int
    up: int


@dataclass(frozen=True)
class CandlePlan:
    """`split` numbers rows of the bars it was made from; it is None where too few rows are left to split.

    `missing_after`: test candles that have not happened yet. `problem`: the sentence why it can't be trained, or "".
    `limited_by_history`: the training period begins where the history (or the features' warm-up) begins, later than
    was asked for.
    """

    split_or_none: CandleSplit | None
    parts: dict[str, Part]
    problem: str
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

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the chart's preview."""
        return {
            "parts": {name: vars(part) for name, part in self.parts.items()},
            "problem": self.problem,
            "missing_after": self.missing_after,
            "usable_rows": self.usable_rows,
            "limited_by_history": self.limited_by_history,
        }


def plan_candle(bars: Bars, *, decision: int, spec: CandleSpec) -> CandlePlan:
    """Plan of a run as of bar `decision` of `bars` (adjusted; at most `warmup` bars before the training period, none
    after the last test outcome). Looks at closes up to the last test outcome."""
    warmup = FEATURE_SETS[spec.feature_set].warmup
    start = int(training_start(parse_time(spec.candle), spec.train_years).timestamp())
    asked = int(np.searchsorted(bars.time, start, side="left"))
    first = max(asked, warmup)
    after = len(bars) - 1 - decision
    window = spec.test_window_size if after >= spec.test_window_size else 0
    missing_after = max(0, spec.test_window_size - after)
    usable = max(0, decision - first)
    try:
        split = candle_split(first=first, decision=decision, window=window, protocol=spec.protocol)
    except (ValueError, IndexError):
        split = None
    limited = first >= len(bars) or int(bars.time[first]) - start > A_FORTNIGHT_S
    labels = up_label(bars.close)
    ranges = {"train": range(0), "validation": range(0), "test": range(0)}
    if split is not None:
        ranges = {"train": split.train, "validation": split.validation, "test": split.test}
    parts = {name: _part(bars.time, labels, rows) for name, rows in ranges.items()}
    return CandlePlan(
        split_or_none=split,
        parts=parts,
        problem=_problem(usable, parts["train"], missing_after, spec, limited=limited),
        missing_after=missing_after,
        usable_rows=usable,
        limited_by_history=limited,
    )


def _part(time: NDArray[np.int64], labels: NDArray[np.float64], rows: range) -> Part:
    if not len(rows):
        return Part(0, None, None, 0, 0)
    up = int(np.nansum(labels[rows.start : rows.stop]))
    return Part(len(rows), int(time[rows[0]]), int(time[rows[-1]]), len(rows) - up, up)


def _problem(usable: int, train: Part, missing_after: int, spec: CandleSpec, *, limited: bool) -> str:
    if usable < MIN_TRAIN_ROWS:
        if limited:
            return (
                f"Too little history: {usable} candles before this one have all features "
                f"({spec.feature_set} looks back {FEATURE_SETS[spec.feature_set].warmup}); {MIN_TRAIN_ROWS} are needed."
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
    if missing_after and not spec.live:
        there = spec.test_window_size - missing_after
        return (
            f"Too few candles after this one: there are {there}, the test window needs {spec.test_window_size}. "
            "Choose an earlier candle or a smaller test window, or train it live, without a test window."
        )
    return ""
