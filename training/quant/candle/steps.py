"""Configurations trained as of one decision: a run's settings, or those of all members of an ensemble."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix
from training.quant.candle.fit import fit_logistic
from training.quant.candle.outcomes import candle_label
from training.quant.candle.plan import plan_candle
from training.quant.candle.spec import CandleSpec
from training.quant.candle.split import CandleSplit
from training.quant.candle.train import fit_candle, threshold_of
from training.quant.ensemble.spec import EnsembleSpec, trained_specs

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Configuration:
    """Settings as they are trained at a decision: features (n, k) and labels (n,) of all rows that have an outcome, and
    how these rows are split."""

    spec: CandleSpec
    features: Floats
    labels: Floats
    split: CandleSplit


@dataclass(frozen=True)
class LabelledRows:
    """The bars that have an outcome: their places (n,), labels (n,), and by feature set their features (n, k)."""

    places: Rows
    labels: Floats
    features: dict[str, Floats]


def labelled_rows(bars: Bars, spec: CandleSpec | EnsembleSpec) -> LabelledRows:
    labels = candle_label(bars, trained_specs(spec)[0])
    places = np.flatnonzero(~np.isnan(labels))
    names = {one.feature_set for one in trained_specs(spec)}
    features = {name: feature_matrix(bars, name=name, timeframe=spec.timeframe)[places] for name in names}
    return LabelledRows(places, labels[places], features)


def configurations_at(
    bars: Bars, rows: LabelledRows, decision: int, specs: Sequence[CandleSpec]
) -> list[Configuration]:
    """All of `specs` at bar `decision`. Raises NotTrainable where one of them can't be trained there."""
    configurations = []
    for spec in specs:
        plan = plan_candle(bars, decision=decision, spec=spec)
        plan.require_trainable()
        configurations.append(Configuration(spec, rows.features[spec.feature_set], rows.labels, plan.split))
    return configurations


@dataclass(frozen=True)
class StepModel:
    """A configuration's model: its probabilities for a slice of the labelled rows, those that it was fitted on
    (`train`), and the threshold from which on it says up."""

    probability: Callable[[slice], Floats]
    train: slice
    threshold: float


def fitted(configuration: Configuration) -> StepModel:
    """The model that is kept (PROTOCOL §2), with its threshold."""
    spec, split = configuration.spec, configuration.split
    features, labels = configuration.features, configuration.labels
    validated, final = fit_candle(
        features, labels, split=split, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None
    )
    train, validation = (slice(part.start, part.stop) for part in (split.train, split.validation))
    threshold = threshold_of(
        spec,
        train=(labels[train], final.probability(features[train])),
        validation=(labels[validation], validated.probability(features[validation])) if validated else None,
    )
    return StepModel(lambda rows: final.probability(features[rows]), train, threshold)


def fitted_logistic(configuration: Configuration) -> StepModel:
    """Logistic regression on the same rows; where up begins is not asked of it."""
    split, features = configuration.split, configuration.features
    linear = fit_logistic(features, configuration.labels, rows=split.train, spec=configuration.spec)
    train = slice(split.train.start, split.train.stop)
    return StepModel(lambda rows: linear.probability(features[rows]), train, threshold=0.5)
