"""The recipe of a universe run: its stages in order, on one screen. PROTOCOL §4."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.fit import Pair, auc_of_buy, fit_pair, logistic_auc
from training.quant.universe.metrics import (
    Books,
    books,
    calibration,
    headline,
    mean_interval,
    rank_ic,
    report,
    signals_of,
)
from training.quant.universe.panel import BUY, Panel, UniverseSplit, classes, split_panel
from training.quant.universe.spec import UniverseSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Spoken = tuple[Floats, Floats]  # probabilities (n, 3) and expected returns (n,)
OnStage = Callable[[str, float, str], None]  # (stage, progress 0…1, message)


@dataclass(frozen=True)
class Judged:
    """One part as the judged model saw it: M of the contract, the reports, and the books."""

    rows: Ints
    metrics: dict[str, Any]
    reports: dict[str, Any]
    books: Books


@dataclass(frozen=True)
class UniverseOutcome:
    """`judged` was fitted on train alone; `kept` is the model to use, fitted again on all known rows if asked for.
    `used_until` is the place of the last day whose outcome the kept model has seen."""

    split: UniverseSplit
    labels: Ints  # of every row of the panel; -1 where not known
    judged: Pair
    kept: Pair
    used_until: int
    validation: Judged
    test: Judged
    logistic_auc: float | None
    model_auc: float | None


def train_universe(panel: Panel, spec: UniverseSpec, *, on_stage: OnStage) -> UniverseOutcome:
    """Train on a universe and judge by the last days of it. Raises TooLittle. Deterministic for `spec.seed`."""
    split = split_panel(panel, horizon=spec.horizon, embargo=spec.embargo)
    labels = label_rows(panel, spec)

    on_stage("fit", 0.15, f"{len(split.train):,} rows to {_day(panel, split.borders['train_last'])}")
    judged = fit_rows(panel, labels, split.train, seed=spec.seed)

    on_stage("evaluate", 0.5, f"{len(split.validation):,} validation and {len(split.test):,} test rows")
    validation, test = (judge_rows(panel, labels, rows, judged, spec) for rows in (split.validation, split.test))
    linear = logistic_auc(
        panel.features[split.train], labels[split.train], panel.features[split.test], labels[split.test]
    )

    kept, used = judged, split.train
    if spec.refit:
        used = np.flatnonzero(panel.known)
        on_stage("refit", 0.6, f"{len(used):,} rows, all whose outcome is known")
        kept = fit_rows(panel, labels, used, seed=spec.seed)
    return UniverseOutcome(
        split=split,
        labels=labels,
        judged=judged,
        kept=kept,
        used_until=int(panel.outcome[used].max()),
        validation=validation,
        test=test,
        logistic_auc=linear,
        model_auc=test.reports["auc_buy"],
    )


def fit_rows(panel: Panel, labels: Ints, rows: Ints, *, seed: int) -> Pair:
    """Both models on these rows."""
    return fit_pair(panel.features[rows], labels[rows], panel.returns[rows], seed=seed)


def judge_rows(panel: Panel, labels: Ints, rows: Ints, pair: Pair, spec: UniverseSpec) -> Judged:
    """Everything about one part, as `pair` sees it."""
    features = panel.features[rows]
    return judge_said(panel, labels, rows, (pair.probabilities(features), pair.expected(features)), spec)


def judge_said(panel: Panel, labels: Ints, rows: Ints, spoken: Spoken, spec: UniverseSpec) -> Judged:
    """The same of what was said of `rows`. A row is said to be of its likeliest class."""
    probabilities, expected = spoken
    came, said = labels[rows], probabilities.argmax(axis=1)
    kept = books(panel, rows, signals_of(said), horizon=spec.horizon)
    daily = rank_ic(panel.day[rows], expected, panel.returns[rows])
    return Judged(
        rows=rows,
        metrics=headline(
            panel,
            rows,
            labels=came,
            said=said,
            expected=expected,
            kept=kept,
            buy=spec.buy_threshold,
            horizon=spec.horizon,
        ),
        reports={
            **report(came, said),
            "calibration": calibration(probabilities[:, BUY], came == BUY),
            "rank_ic_by_day": daily.tolist(),
            "rank_ic_interval": mean_interval(daily, spec.horizon),
            "auc_buy": auc_of_buy(probabilities[:, BUY], came),
        },
        books=kept,
    )


def label_rows(panel: Panel, spec: UniverseSpec) -> Ints:
    """(n,) classes; -1 where the outcome isn't known."""
    labels, known = np.full(len(panel.day), -1), panel.known
    labels[known] = classes(panel.returns[known], buy=spec.buy_threshold, sell=spec.sell_threshold)
    return labels


def _day(panel: Panel, place: int) -> str:
    return str(panel.days[place].astype("datetime64[D]"))
