"""Fitting: a StandardScaler and a LightGBM classifier on the rows of one part, with one thread and a fixed seed.

One thread because two threads on 756 rows cost 1.4 to 26 times one; bins come from the fitted rows alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import StandardScaler

from training.quant.serving import probability
from training.quant.spec import CandleSpec

Floats = NDArray[np.float64]
OnRound = Callable[[int, float], None]  # (boosting round from 1, validation loss)


@dataclass(frozen=True)
class Stopping:
    """How a protocol looks for the number of rounds."""

    metric: str
    patience: int
    rounds: int


STOPPING = {
    "honest": Stopping(metric="binary_logloss", patience=50, rounds=1000),
    "poc": Stopping(metric="auc", patience=150, rounds=4000),
}


@dataclass(frozen=True)
class Fitted:
    """A model with the scaler of the rows it was fitted on. `curve`: validation metric after each round."""

    model: lightgbm.LGBMClassifier
    scaler: StandardScaler
    rounds: int
    curve: list[float]

    def probability(self, features: Floats) -> Floats:
        """P(class 1) for (n, k) unscaled features without NaN."""
        return probability(self.model.booster_, self.scaler.mean_, self.scaler.scale_, features, self.rounds)


def fit_until_it_stops(
    features: Floats, labels: Floats, *, fit: range, validation: range, spec: CandleSpec, on_round: OnRound
) -> Fitted:
    """Fitted on `fit`, stopped early by `validation`; `rounds` is the best number found."""
    stopping = STOPPING[spec.protocol]
    scaler = StandardScaler().fit(features[fit.start : fit.stop])
    held_out = slice(validation.start, validation.stop)
    curve: list[float] = []

    def record(env: Any) -> None:
        curve.append(float(env.evaluation_result_list[0][2]))
        on_round(env.iteration + 1, curve[-1])

    model = _classifier(spec, stopping.rounds)
    model.fit(
        scaler.transform(features[fit.start : fit.stop]),
        labels[fit.start : fit.stop],
        eval_X=(scaler.transform(features[held_out]),),
        eval_y=(labels[held_out],),
        callbacks=[lightgbm.early_stopping(stopping.patience, verbose=False), record],
    )
    return Fitted(model, scaler, rounds=int(model.best_iteration_ or len(curve)), curve=curve)


def fit_rounds(features: Floats, labels: Floats, *, rows: range, spec: CandleSpec, rounds: int) -> Fitted:
    """Fitted on `rows` with a known number of rounds."""
    part = slice(rows.start, rows.stop)
    scaler = StandardScaler().fit(features[part])
    model = _classifier(spec, rounds)
    model.fit(scaler.transform(features[part]), labels[part])
    return Fitted(model, scaler, rounds=rounds, curve=[])


def _classifier(spec: CandleSpec, rounds: int) -> lightgbm.LGBMClassifier:
    return lightgbm.LGBMClassifier(
        objective="binary",
        n_estimators=rounds,
        learning_rate=spec.learning_rate,
        num_leaves=spec.num_leaves,
        max_depth=spec.max_depth,
        min_child_samples=spec.min_child_samples,
        random_state=spec.seed,
        n_jobs=1,
        deterministic=True,
        force_col_wise=True,
        verbosity=-1,
        metric=STOPPING[spec.protocol].metric,
    )
