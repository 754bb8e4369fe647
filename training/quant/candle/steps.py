"""Configurations trained as of one decision: a run's settings, or those of all members of an ensemble."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix
from training.quant.candle.fit import fit_logistic
from training.quant.candle.outcomes import candle_label
from training.quant.candle.plan import NotTrainable, plan_candle
from training.quant.candle.spec import CandleSpec, format_time
from training.quant.candle.split import CandleSplit
from training.quant.candle.train import Final, fit_candle, threshold_of
from training.quant.ensemble.spec import EnsembleSpec, trained_specs

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Configuration:
    """Settings as they are trained at a decision: features (n, k) and labels (n,) of all rows that have an outcome, how
    these rows are split, and the rows of each test window, of which the split's is the first."""

    spec: CandleSpec
    features: Floats
    labels: Floats
    split: CandleSplit
    tests: list[range]


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
    """All of `specs` for bar `decision`: at it those with the newest candle among them, the others at the last bar that
    is as long before it as their candle is before the newest. Raises NotTrainable where one can't be trained there."""
    newest = max(spec.candle_at for spec in specs)
    configurations = []
    for spec in specs:
        latest = int(bars.time[decision] - (newest - spec.candle_at).total_seconds())
        place = int(np.searchsorted(bars.time, latest, side="right")) - 1
        if place < 0:
            raise NotTrainable("There is no candle so long before.")
        standing = replace(spec, candle=format_time(datetime.fromtimestamp(int(bars.time[place]), tz=UTC)))
        plan = plan_candle(bars, decision=place, spec=standing)
        plan.require_trainable()
        features = rows.features[spec.feature_set]
        configurations.append(Configuration(standing, features, rows.labels, plan.split, plan.tests))
    return configurations


@dataclass(frozen=True)
class Step:
    """One decision (seconds, UTC) with the run's settings, or those of all members of an ensemble, the newest first,
    and the rows of the test windows that judge what is trained there."""

    decision: int
    configurations: list[Configuration]
    tests: list[slice]


def own_steps(bars: Bars, rows: LabelledRows, decision: int, specs: Sequence[CandleSpec]) -> list[Step]:
    """What the run at bar `decision` is judged by: all its test windows by one training or, with `after: retrain`, each
    by its own, decided where the window before it has as many outcomes as it tests. Of those that can be trained; none
    where a test window has not happened yet."""
    own = _step(bars, rows, decision, specs)
    if own is None or specs[0].after == "same":
        return [own] if own else []
    later = [int(rows.places[test.start - specs[0].gap]) for test in own.tests[1:]]
    steps = [step_of_one_window(bars, rows, at, specs) for at in later]
    return [replace(own, tests=own.tests[:1]), *(step for step in steps if step)]


def step_of_one_window(bars: Bars, rows: LabelledRows, at: int, specs: Sequence[CandleSpec]) -> Step | None:
    """The same settings at bar `at`, judged by the window after it; None where they can't be trained there."""
    return _step(bars, rows, at, [replace(spec, windows=1, after="same") for spec in specs])


def _step(bars: Bars, rows: LabelledRows, at: int, specs: Sequence[CandleSpec]) -> Step | None:
    try:
        configurations = configurations_at(bars, rows, at, [replace(spec, live=False, folds=0) for spec in specs])
    except NotTrainable:
        return None
    tests = [slice(test.start, test.stop) for test in configurations[0].tests]
    return Step(int(bars.time[at]), configurations, tests)


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
    return step_model(configuration, final, threshold)


def step_model(configuration: Configuration, final: Final, threshold: float) -> StepModel:
    """A model that was fitted on the configuration's train rows."""
    train = slice(configuration.split.train.start, configuration.split.train.stop)
    return StepModel(lambda rows: final.probability(configuration.features[rows]), train, threshold)


def fitted_logistic(configuration: Configuration) -> StepModel:
    """Logistic regression on the same rows; where up begins is not asked of it."""
    linear = fit_logistic(
        configuration.features, configuration.labels, rows=configuration.split.train, spec=configuration.spec
    )
    return step_model(configuration, linear, threshold=0.5)
