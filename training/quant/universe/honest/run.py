"""A run of the recipe `honest`: fitted on train, judged on what follows, fitted again to be used. PROTOCOL §4b."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.honest.advice import class_probabilities, expected_returns, labels_by_fifths
from training.quant.universe.honest.model import HonestModel
from training.quant.universe.honest.train import (
    COMPOSITE,
    TREES,
    HonestFit,
    HonestRows,
    first_ic,
    fit_honest,
    fold_ic,
    honest_rows,
    mean_ic,
    score_rows,
)
from training.quant.universe.honest.walk import HonestFold, honest_fold
from training.quant.universe.importance import FoldImportance, shadow_weights
from training.quant.universe.panel import Panel, split_panel
from training.quant.universe.predictions import Predictions, concatenate
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.train import (
    OnStage,
    UniverseOutcome,
    evaluate_predictions,
    evidence_beside,
    label_rows,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]


def train_honest(
    panel: Panel, spec: UniverseSpec, *, on_stage: OnStage, rows: HonestRows | None = None
) -> UniverseOutcome:
    """As `train_universe`, which is the recipe `phase22`. `rows` are the panel's, where they are there already. Raises
    TooLittle. Deterministic for `spec.seed`."""
    split, labels = split_panel(panel, horizon=spec.horizon, embargo=spec.embargo), label_rows(panel, spec)
    rows = rows or honest_rows(panel, spec.horizon)
    on_stage("fit", 0.3, f"{len(split.train):,} rows")
    until = split.known_by["train"]
    fit = fit_honest(rows, until=until, with_trees=True, seed=spec.seed)
    ic = first_ic(rows, until=until, embargo=spec.embargo, seed=spec.seed, score=spec.score)

    on_stage("evaluate", 0.5, f"{len(split.validation):,} validation and {len(split.test):,} test rows")
    validation = predict_rows(panel, rows, split.validation, fit, spec, ic=ic)
    later_ic = mean_ic(rows, split.validation, validation.scores, until=split.known_by["validation"]) or 0.0
    test = predict_rows(panel, rows, split.test, fit, spec, ic=later_ic)
    parts = {
        part: evaluate_predictions(panel, labels, getattr(split, part), said, spec, known_by=split.known_by[part])
        for part, said in (("validation", validation), ("test", test))
    }
    unseen = concatenate([validation, test]).scores
    last_ic = mean_ic(rows, np.concatenate([split.validation, split.test]), unseen, until=len(panel.days) - 1) or 0.0

    evidence, beside = evidence_beside(
        panel, split.test, test, spec.horizon, name=other_score(spec), exposures=rows.exposures
    )
    deployed = fit
    if spec.refit:
        on_stage("refit", 0.7, "all rows whose outcome is known")
        deployed = fit_honest(rows, until=len(panel.days) - 1, with_trees=spec.score == TREES, seed=spec.seed)
    return UniverseOutcome(
        split=split,
        labels=labels,
        evaluated=model_of(fit, spec, ic=later_ic),
        deployed=model_of(deployed, spec, ic=last_ic),
        used_until=deployed.used_until,
        validation=parts["validation"],
        test=parts["test"],
        logistic_auc=None,
        model_auc=parts["test"].reports["auc_buy"],
        evidence=evidence,
        beside=beside,
    )


def predict_rows(
    panel: Panel, rows: HonestRows, chosen: Ints, fit: HonestFit, spec: UniverseSpec, *, ic: float
) -> Predictions:
    """Of the rows numbered `chosen`, whole days of them; expected returns go by `ic`. Both scores where there are
    trees."""
    day, instrument, sigma = rows.day[chosen], rows.instrument[chosen], rows.sigma(chosen)
    scores = score_rows(rows, chosen, fit, spec.score)
    expected = expected_returns(
        day, instrument, scores, sigma=sigma, mean_return=fit.mean_return, ic=ic, horizon=spec.horizon
    )
    probabilities = class_probabilities(
        expected, sigma=sigma, horizon=spec.horizon, buy=spec.buy_threshold, sell=spec.sell_threshold
    )
    other = np.full(len(chosen), np.nan)
    if fit.trees is not None:
        other = score_rows(rows, chosen, fit, other_score(spec))
    order = np.argsort(np.argsort(panel.symbols, kind="stable"), kind="stable")
    labels = labels_by_fifths(day, scores, order[instrument])
    return Predictions(probabilities, expected, labels, scores, beside=other)


def predict_fold(
    panel: Panel,
    rows: HonestRows,
    spec: UniverseSpec,
    spans: Sequence[tuple[int, int]],
    sinces: Sequence[int],
    *,
    scores: Mapping[int, Floats] = MappingProxyType({}),
) -> tuple[Predictions, FoldImportance]:
    """Of the last of these folds of a walk, each from its first to its last day, fitted on rows from its `since` on.
    Those before it say how far its expected returns reach, by the `scores` of the model of record, of all rows of their
    days, that are there by their number, from 0 on; the others are made again, so that it stands alone."""

    def fold(number: int, *, with_trees: bool) -> HonestFold:
        (first, last), since = spans[number], sinces[number]
        return honest_fold(
            rows, first=first, last=last, embargo=spec.embargo, since=since, with_trees=with_trees, seed=spec.seed
        )

    def scored(number: int) -> tuple[Ints, Floats]:
        if number in scores:
            first, last = spans[number]
            return np.flatnonzero((rows.day >= first) & (rows.day <= last)), scores[number]
        made = fold(number, with_trees=spec.score == TREES)
        return made.rows, made.scores[spec.score]

    earlier = [scored(number) for number in range(len(spans) - 1)]
    own = fold(len(spans) - 1, with_trees=True)
    ic = fold_ic(rows, earlier, first=own.first)
    if ic is None:
        until = own.first - spec.embargo
        ic = first_ic(rows, until=until, since=sinces[-1], embargo=spec.embargo, seed=spec.seed, score=spec.score)
    predictions = predict_rows(panel, rows, own.rows, own.fit, spec, ic=ic)
    return predictions, fold_importance(rows, own, spec, since=sinces[-1])


def fold_importance(rows: HonestRows, fold: HonestFold, spec: UniverseSpec, *, since: int) -> FoldImportance:
    """The composite's weights for the run's own horizon, and those of shuffled features."""
    targets = rows.targets_until(spec.horizon, fold.first - spec.embargo)
    targets[rows.day < since] = np.nan
    names = rows.exposures.sigma.shape[1]
    shadows = shadow_weights(
        rows.ranks, rows.day, rows.instrument, targets, names=names, horizon=spec.horizon, seed=spec.seed
    )
    return FoldImportance(fold.fit.weights[spec.horizon].tolist(), shadows.tolist())


def other_score(spec: UniverseSpec) -> str:
    """Of the two the one that is not the model of record."""
    return COMPOSITE if spec.score == TREES else TREES


def model_of(fit: HonestFit, spec: UniverseSpec, *, ic: float) -> HonestModel:
    return HonestModel(
        score=spec.score,
        weights=fit.weights,
        trees=fit.trees if spec.score == TREES else None,
        mean_return=fit.mean_return,
        ic=ic,
    )
