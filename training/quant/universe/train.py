"""The recipe of a universe run: its stages in order, on one screen. PROTOCOL §4."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.evidence import UniverseEvidence, evidence_of_both
from training.quant.universe.exposure import Exposures
from training.quant.universe.fit import ModelPair, auc_of_buy, fit_pair, logistic_scores
from training.quant.universe.metrics import (
    Portfolios,
    calibration,
    classification_report,
    daily_rank_ic,
    headline,
    rank_ic,
    signals_of,
    simulate_portfolios,
)
from training.quant.universe.panel import BUY, Panel, UniverseSplit, classes, split_panel
from training.quant.universe.predictions import Predictions
from training.quant.universe.spec import UniverseSpec

if TYPE_CHECKING:
    from training.quant.universe.honest.model import HonestModel

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]
Beside = dict[str, dict[str, float | None]]  # the model judged beside that of record: its rank_ic and p_value
LOGISTIC = "logistic"  # its name, of the recipe phase22
OnStage = Callable[[str, float, str], None]  # (stage, progress 0…1, message)


@dataclass(frozen=True)
class Evaluation:
    """One part as the evaluated model saw it: M of the contract, the reports, and of all its `rows` the portfolios and
    the predictions."""

    rows: Ints
    predictions: Predictions
    metrics: dict[str, Any]
    reports: dict[str, Any]
    portfolios: Portfolios


@dataclass(frozen=True)
class UniverseOutcome:
    """`evaluated` was fitted on train alone; `deployed` is the model to use, fitted again on all known rows if so set.
    `used_until` is the place of the last day whose outcome the deployed model has seen."""

    split: UniverseSplit
    labels: Ints  # of every row of the panel; -1 where not known
    evaluated: "ModelPair | HonestModel"
    deployed: "ModelPair | HonestModel"
    used_until: int
    validation: Evaluation
    test: Evaluation
    logistic_auc: float | None
    model_auc: float | None
    evidence: UniverseEvidence
    beside: Beside


def train_universe(
    panel: Panel, spec: UniverseSpec, *, on_stage: OnStage, exposures: Exposures | None = None
) -> UniverseOutcome:
    """Train on a universe and judge by the last days of it. Raises TooLittle. Deterministic for `spec.seed`.
    `exposures` are the panel's, where they are there already."""
    split = split_panel(panel, horizon=spec.horizon, embargo=spec.embargo)
    labels = label_rows(panel, spec)

    on_stage("fit", 0.15, f"{len(split.train):,} rows to {_day(panel, split.boundaries['train_last'])}")
    evaluated = fit_rows(panel, labels, split.train, seed=spec.seed)

    on_stage("evaluate", 0.5, f"{len(split.validation):,} validation and {len(split.test):,} test rows")
    validation, test = (
        evaluate_rows(panel, labels, getattr(split, part), evaluated, spec, known_by=split.known_by[part])
        for part in ("validation", "test")
    )
    linear, is_known = beside_logistic(panel, labels, split.train, test.rows), panel.has_outcome[test.rows]
    has_linear = not np.isnan(linear).all()
    both = replace(test.predictions, beside=linear)
    evidence, beside = evidence_beside(panel, test.rows, both, spec.horizon, name=LOGISTIC, exposures=exposures)

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
        logistic_auc=auc_of_buy(linear[is_known], labels[test.rows[is_known]]) if has_linear else None,
        model_auc=test.reports["auc_buy"],
        evidence=evidence,
        beside=beside,
    )


def beside_logistic(panel: Panel, labels: Ints, used: Ints, rows: Ints) -> Floats:
    """(m,) scores of `rows` by a logistic regression fitted on the rows `used`; NaN where there is none."""
    scores = logistic_scores(panel.features[used], labels[used], panel.features[rows])
    return np.full(len(rows), np.nan) if scores is None else scores


def evidence_beside(
    panel: Panel,
    rows: Ints,
    predictions: Predictions,
    horizon: int,
    *,
    name: str,
    windows: int = 0,
    exposures: Exposures | None = None,
) -> tuple[UniverseEvidence, Beside]:
    """What the model of record shows on `rows`, and what the one called `name` that is judged beside it does, where
    there is one."""
    other = predictions.beside if predictions.has_beside else None
    evidence, p_value = evidence_of_both(
        panel, rows, predictions.scores, other, horizon=horizon, windows=windows, exposures=exposures
    )
    if other is None:
        return evidence, {}
    known = panel.has_outcome[rows] & ~np.isnan(other)
    daily = rank_ic(panel.day[rows][known], other[known], panel.returns[rows][known])
    return evidence, {name: {"rank_ic": float(daily.mean()) if len(daily) else None, "p_value": p_value}}


def fit_rows(panel: Panel, labels: Ints, rows: Ints, *, seed: int) -> ModelPair:
    """Both models on these rows."""
    return fit_pair(panel.features[rows], labels[rows], panel.returns[rows], seed=seed)


def evaluate_rows(
    panel: Panel, labels: Ints, rows: Ints, pair: ModelPair, spec: UniverseSpec, *, known_by: int
) -> Evaluation:
    """Everything about one part, as `pair` sees it."""
    predictions = pair.predict(panel.features[rows])
    return evaluate_predictions(panel, labels, rows, predictions, spec, known_by=known_by)


def evaluate_predictions(
    panel: Panel, labels: Ints, rows: Ints, predictions: Predictions, spec: UniverseSpec, *, known_by: int
) -> Evaluation:
    """The same of `predictions` for `rows`. All rows are in the portfolios; figures of outcomes are of those that are
    known on the day at the place `known_by`."""
    portfolios = simulate_portfolios(panel, rows, signals_of(predictions.labels), horizon=spec.horizon)
    is_scored = panel.outcome[rows] <= known_by
    scored, those = rows[is_scored], predictions.where(is_scored)
    actual, p_buy = labels[scored], those.probabilities[:, BUY]
    ascending = np.argsort(p_buy, kind="stable")
    daily_ic = daily_rank_ic(panel.day[scored], those.scores, panel.returns[scored])
    metrics = headline(
        panel,
        scored,
        labels=actual,
        predictions=those,
        daily_ic=daily_ic,
        portfolios=portfolios,
        buy=spec.buy_threshold,
        horizon=spec.horizon,
    )
    reports = {
        **classification_report(actual, those.labels),
        "calibration": calibration(p_buy, actual == BUY, ascending),
        "rank_ic_by_day": daily_ic[1].tolist(),
        "rank_ic_interval": metrics["rank_ic_interval"],
        "auc_buy": auc_of_buy(p_buy, actual, ascending),
    }
    return Evaluation(rows=rows, predictions=predictions, metrics=metrics, reports=reports, portfolios=portfolios)


def label_rows(panel: Panel, spec: UniverseSpec) -> Ints:
    """(n,) int8 classes; -1 where the outcome isn't known."""
    labels = classes(panel.returns, buy=spec.buy_threshold, sell=spec.sell_threshold)
    labels[~panel.has_outcome] = -1
    return labels


def _day(panel: Panel, place: int) -> str:
    return str(panel.days[place].astype("datetime64[D]"))
