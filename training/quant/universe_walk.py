"""Walking a universe forward: trained on the past, judged on the next days, again and again. PROTOCOL §4."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.quant.panel import Ints, Panel, TooLittle
from training.quant.universe import Judged, fit_rows, judge_said, label_rows
from training.quant.universe_spec import UniverseSpec

WINDOWS = ("expanding", "rolling")
MIN_TRAIN_DAYS = 100


@dataclass(frozen=True)
class Fold:
    """Places of days: the last one trained on, the first and the last one judged."""

    train_last: int
    first: int
    last: int
    judged: Judged


@dataclass(frozen=True)
class Walk:
    """The folds, oldest first, and all of them as one unbroken book."""

    folds: list[Fold]
    pooled: Judged


def walk_universe(
    panel: Panel, spec: UniverseSpec, *, folds: int, step: int, window: str, on_fold: Callable[[int, str], None]
) -> Walk:
    """The last `folds` x `step` labelled days, `step` at a time, each by models whose outcomes were all known on its
    first day. `rolling` trains on as many days as the first fold has, `expanding` on all before. Raises TooLittle.
    """
    labels, known = label_rows(panel, spec), panel.known
    days = np.unique(panel.day[known])
    before = len(days) - folds * step
    need = MIN_TRAIN_DAYS + spec.horizon + spec.embargo
    if before < need:
        raise TooLittle(
            f"Too little data: {len(days)} days have all features and a known outcome; {folds} folds of {step} days "
            f"need {folds * step + need}. Take fewer or shorter folds, or import more history."
        )
    found: list[Fold] = []
    said = []
    for number in range(folds):
        start = before + number * step
        first, last = int(days[start]), int(days[start + step - 1])
        train = known & (panel.outcome <= first - spec.embargo)
        if window == "rolling":
            train &= panel.day >= days[start - before]
        rows = np.flatnonzero(known & (panel.day >= first) & (panel.day <= last))
        used = np.flatnonzero(train)
        _assert_no_leak(panel, used, rows)
        on_fold(number, f"{len(used):,} rows, then {step} days from {_date(panel, first)} on")
        pair = fit_rows(panel, labels, used, seed=spec.seed)
        features = panel.features[rows]
        said.append((rows, pair.probabilities(features), pair.expected(features)))
        judged = judge_said(panel, labels, rows, said[-1][1:], spec)
        found.append(Fold(int(panel.day[used].max()), first, last, judged))
    rows, probabilities, expected = (np.concatenate(parts) for parts in zip(*said, strict=True))
    return Walk(found, judge_said(panel, labels, rows, (probabilities, expected), spec))


def walk_json(panel: Panel, walk: Walk) -> dict[str, Any]:
    """CONTRACT's folds and pooled M; `stability`: in how many folds each figure was on the good side."""
    folds = [
        {
            "train_last": _date(panel, fold.train_last),
            "first": _date(panel, fold.first),
            "last": _date(panel, fold.last),
            **fold.judged.metrics,
        }
        for fold in walk.folds
    ]
    good = {"rank_ic": 0.0, "lift_buy": 0.0, "sharpe": 0.0, "excess_sharpe": 0.0}
    book = walk.pooled.books
    return {
        "folds": folds,
        "pooled": walk.pooled.metrics,
        "stability": {
            name: sum(1 for fold in folds if fold[name] is not None and fold[name] > bound)
            for name, bound in good.items()
        },
        "curve": {
            "days": [_date(panel, place) for place in book.days.tolist()],
            "long_short": book.long_short.equity[1:].tolist(),
            "equal_weight": book.equal_weight.equity[1:].tolist(),
        },
    }


def _assert_no_leak(panel: Panel, used: Ints, rows: Ints) -> None:
    """PROTOCOL §5.2; AssertionError stops the walk rather than let it tell a lie."""
    if panel.outcome[used].max() > panel.day[rows].min():
        raise AssertionError("an outcome used in fitting is later than the first decision that is judged")


def _date(panel: Panel, place: int) -> str:
    return str(panel.days[place].astype("datetime64[D]"))
