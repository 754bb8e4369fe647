"""The recipe of a universe run: its stages in order, on one screen. PROTOCOL §4."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.fit import ModelPair, auc_of_buy, fit_pair, logistic_auc
from training.quant.universe.metrics import (
    Portfolios,
    calibration,
    classification_report,
    headline,
    mean_interval,
    rank_ic,
    signals_of,
    simulate_portfolios,
)
from training.quant.universe.panel import BUY, Panel, UniverseSplit, classes, split_panel
from training.quant.universe.spec import UniverseSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Predictions = tuple[Floats, Floats]  # probabilities (n, 3) and expected returns (n,)
OnStage = Callable[[str, float, str], None]  # (stage, progress 0…1, message)


@dataclass(frozen=True)
class Evaluation:
    """One part as the evaluated model saw it: `expected` returns of its rows, M of the contract, the reports, and the
    portfolios."""

    rows: Ints
    expected: Floats
    metrics: dict[str, Any]
    reports: dict[str, Any]
    portfolios: Portfolios


@dataclass(frozen=True)
class UniverseOutcome:
    """`evaluated` was fitted on train alone; `deployed` is the model to use, fitted again on all known rows if so set.
    `used_until` is the place of the last day whose outcome the deployed model has seen."""

    split: UniverseSplit
    labels: Ints  # of every row of the panel; -1 where not known
    evaluated: ModelPair
    deployed: ModelPair
    used_until: int
    validation: Evaluation
    test: Evaluation
    logistic_auc: float | None
    model_auc: float | None


def train_universe(panel: Panel, spec: UniverseSpec, *, on_stage: OnStage) -> UniverseOutcome:
    """Train on a universe and judge by the last days of it. Raises TooLittle. Deterministic for `spec.seed`."""
    split = split_panel(panel, horizon=spec.horizon, embargo=spec.embargo)
    labels = label_rows(panel, spec)

    on_stage("fit", 0.15, f"{len(split.train):,} rows to {_day(panel, split.boundaries['train_last'])}")
    evaluated = fit_rows(panel, labels, split.train, seed=spec.seed)

    on_stage("evaluate", 0.5, f"{len(split.validation):,} validation and {len(split.test):,} test rows")
    validation, test = (evaluate_rows(panel, labels, rows, evaluated, spec) for rows in (split.validation, split.test))
    linear = logistic_auc(
        panel.features[split.train], labels[split.train], panel.features[split.test], labels[split.test]
    )

    deployed, used = evaluated, split.train
    if spec.refit:
        used = np.flatnonzero(panel.has_outcome)
        on_stage("refit", 0.6, f"{len(used):,} rows, all whose outcome is known")
        deployed = fit_rows(panel, labels, used, seed=spec.seed)
    return UniverseOutcome(
        split=split,
        labels=labels,
        evaluated=evaluated,
        deployed=deployed,
        used_until=int(panel.outcome[used].max()),
        validation=validation,
        test=test,
        logistic_auc=linear,
        model_auc=test.reports["auc_buy"],
    )


def fit_rows(panel: Panel, labels: Ints, rows: Ints, *, seed: int) -> ModelPair:
    """Both models on these rows."""
    return fit_pair(panel.features[rows], labels[rows], panel.returns[rows], seed=seed)


def evaluate_rows(panel: Panel, labels: Ints, rows: Ints, pair: ModelPair, spec: UniverseSpec) -> Evaluation:
    """Everything about one part, as `pair` sees it."""
    features = panel.features[rows]
    return evaluate_predictions(panel, labels, rows, (pair.probabilities(features), pair.expected(features)), spec)


def evaluate_predictions(
    panel: Panel, labels: Ints, rows: Ints, predictions: Predictions, spec: UniverseSpec
) -> Evaluation:
    """The same of `predictions` for `rows`. A row is predicted to be of its likeliest class."""
    probabilities, expected = predictions
    actual, predicted = labels[rows], probabilities.argmax(axis=1)
    portfolios = simulate_portfolios(panel, rows, signals_of(predicted), horizon=spec.horizon)
    daily = rank_ic(panel.day[rows], expected, panel.returns[rows])
    return Evaluation(
        rows=rows,
        expected=expected,
        metrics=headline(
            panel,
            rows,
            labels=actual,
            predicted=predicted,
            expected=expected,
            portfolios=portfolios,
            buy=spec.buy_threshold,
            horizon=spec.horizon,
        ),
        reports={
            **classification_report(actual, predicted),
            "calibration": calibration(probabilities[:, BUY], actual == BUY),
            "rank_ic_by_day": daily.tolist(),
            "rank_ic_interval": mean_interval(daily, spec.horizon),
            "auc_buy": auc_of_buy(probabilities[:, BUY], actual),
        },
        portfolios=portfolios,
    )


def label_rows(panel: Panel, spec: UniverseSpec) -> Ints:
    """(n,) classes; -1 where the outcome isn't known."""
    labels, known = np.full(len(panel.day), -1), panel.has_outcome
    labels[known] = classes(panel.returns[known], buy=spec.buy_threshold, sell=spec.sell_threshold)
    return labels


def _day(panel: Panel, place: int) -> str:
    return str(panel.days[place].astype("datetime64[D]"))
