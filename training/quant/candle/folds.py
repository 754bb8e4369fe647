"""Expanding purged folds over a run's own training rows: does the recipe do the same everywhere, by the same features?

Each fold is fitted as the run is, on the rows before it alone; nothing of the test window is looked at. A feature is
held against its shadow, the same values shuffled over the rows (Kursa & Rudnicki 2010), in a further fit with both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtri

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix
from training.quant.candle.fit import fit_logistic, fit_rounds
from training.quant.candle.outcomes import candle_label
from training.quant.candle.plan import CandlePlan
from training.quant.candle.spec import CandleSpec
from training.quant.candle.split import CandleSplit
from training.quant.candle.train import Final, fit_candle
from training.quant.stats.classification import auc_of_ranks, midranks

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fold:
    """`first` and `last`: times of its rows, seconds. `auc_luck` and `log_loss_luck`: standard errors that a fold of
    these rows has by chance. `gains` (k,): of its model's features; `beats_shadow` (k,): where one is above its
    shadow's."""

    rows: int
    first: int
    last: int
    auc: float
    log_loss: float
    auc_luck: float
    log_loss_luck: float
    gains: Floats
    beats_shadow: NDArray[np.bool_]


@dataclass(frozen=True)
class FoldReport:
    """All folds, oldest first. Spreads are sample standard deviations over them, the `luck` beside them what folds of
    their sizes would spread by chance; `is_steady`: the AUCs differ no more than chance makes them in 19 of 20 cases.
    `gain_correlation`: mean Spearman correlation of the gains of two folds, None where no two have gains that differ.
    `beaten` (k,): in how many folds each feature beats its shadow."""

    folds: list[Fold]
    auc_spread: float
    auc_luck: float
    log_loss_spread: float
    log_loss_luck: float
    is_steady: bool
    gain_correlation: float | None
    beaten: NDArray[np.int64]


def fold_report(
    bars: Bars, plan: CandlePlan, spec: CandleSpec, *, on_fold: Callable[[int, int], None] = lambda *_: None
) -> FoldReport:
    """The folds of a trainable `plan` of adjusted `bars`; `on_fold` hears (folds done, folds to do). Deterministic for
    `spec.seed`."""
    features = feature_matrix(bars, name=spec.feature_set, timeframe=spec.timeframe)[plan.rows]
    labels = candle_label(bars, spec)[plan.rows]
    folds = []
    for done, split in enumerate(plan.folds):
        on_fold(done, len(plan.folds))
        times = bars.time[plan.rows[split.test.start : split.test.stop]]
        folds.append(_fold(features, labels, times, split, spec, seed=spec.seed + done))
    return _report(folds)


def _fold(
    features: Floats, labels: Floats, times: NDArray[np.int64], split: CandleSplit, spec: CandleSpec, *, seed: int
) -> Fold:
    _, final = fit_candle(features, labels, split=split, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None)
    test = slice(split.test.start, split.test.stop)
    up, p = labels[test] == 1, np.clip(final.probability(features[test]), 1e-15, 1 - 1e-15)
    losses = -np.where(up, np.log(p), np.log1p(-p))
    n1, n0 = int(up.sum()), int((~up).sum())
    gains = final.importance()
    return Fold(
        rows=len(losses),
        first=int(times[0]),
        last=int(times[-1]),
        auc=auc_of_ranks(midranks(p), up),
        log_loss=float(losses.mean()),
        auc_luck=float(np.sqrt((n1 + n0 + 1) / (12 * n1 * n0))),  # Mann & Whitney 1947
        log_loss_luck=float(losses.std(ddof=1) / np.sqrt(len(losses))),
        gains=gains,
        beats_shadow=gains_beside_shadows(features, labels, split, spec, rounds=final.rounds, seed=seed),
    )


def gains_beside_shadows(
    features: Floats, labels: Floats, split: CandleSplit, spec: CandleSpec, *, rounds: int | None, seed: int
) -> NDArray[np.bool_]:
    """(k,): whether each feature's gain is above that of its shadow, in a fit on the split's train rows with both."""
    train = slice(split.train.start, split.train.stop)
    shadows = np.random.default_rng(seed).permuted(features[train], axis=0)
    both, rows = np.hstack([features[train], shadows]), range(len(shadows))
    fitted: Final = (
        fit_logistic(both, labels[train], rows=rows, spec=spec)
        if rounds is None
        else fit_rounds(both, labels[train], rows=rows, spec=spec, rounds=rounds)
    )
    own, shadow = np.split(fitted.importance(), 2)
    return np.asarray(own > shadow)


def _report(folds: list[Fold]) -> FoldReport:
    aucs, losses = (np.array([getattr(fold, name) for fold in folds]) for name in ("auc", "log_loss"))
    auc_luck = np.array([fold.auc_luck for fold in folds])
    # Cochran's test that all folds have one AUC, each weighed by its precision.
    weights = auc_luck**-2.0
    differs = float((weights * (aucs - np.average(aucs, weights=weights)) ** 2).sum())
    return FoldReport(
        folds=folds,
        auc_spread=float(aucs.std(ddof=1)),
        auc_luck=float(np.sqrt((auc_luck**2).mean())),
        log_loss_spread=float(losses.std(ddof=1)),
        log_loss_luck=float(np.sqrt(np.mean([fold.log_loss_luck**2 for fold in folds]))),
        is_steady=differs <= float(chdtri(len(folds) - 1, 0.05)),
        gain_correlation=_gain_correlation([fold.gains for fold in folds]),
        beaten=np.sum([fold.beats_shadow for fold in folds], axis=0),
    )


def _gain_correlation(gains: list[Floats]) -> float | None:
    ranks = [midranks(values) for values in gains if values.min() < values.max()]
    pairs = [np.corrcoef(one, other)[0, 1] for one, other in combinations(ranks, 2)]
    return float(np.mean(pairs)) if pairs else None
