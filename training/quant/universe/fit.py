"""Fitting of a universe run: classifier and regressor on one binned Dataset, with a fixed seed."""

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from training.quant.stats.classification import auc_of_ranks, midranks
from training.quant.universe.importance import FoldImportance, stand_ins
from training.quant.universe.panel import BUY, CLASSES, COLUMNS, Panel
from training.quant.universe.predictions import Predictions
from training.quant.universe.ranks import row_table

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.signedinteger[Any]]

TREES = 100
LOGISTIC_ROWS = 10_000  # of the train rows, evenly spaced: more cost seconds and change its AUC by less than 0.005
PERMUTED_ROWS = 1_000  # of the validation rows
SHADOW_ROWS, SHADOW_TREES = 10_000, 25  # of the small fit that holds features against shuffled copies


def parameters(seed: int) -> dict[str, Any]:
    """The original's: 100 trees of depth 5. Without `subsample_freq` LightGBM would ignore `subsample`. `on_threads`
    says how many threads; the trees are the same with any number."""
    return {
        "learning_rate": 0.05,
        "max_depth": 5,
        "num_leaves": 31,
        "min_child_samples": 20,
        "subsample": 0.8,
        "subsample_freq": 1,
        "colsample_bytree": 0.8,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 0,
        "verbosity": -1,
    }


@dataclass(frozen=True)
class ModelPair:
    """The two models of a run, as LightGBM's boosters."""

    classifier: lightgbm.Booster
    regressor: lightgbm.Booster

    def probabilities(self, features: Singles) -> Floats:
        """(n, 3): SELL, HOLD, BUY."""
        return np.asarray(self.classifier.predict(features, num_threads=0), dtype=np.float64)

    def expected(self, features: Singles) -> Floats:
        """(n,): return expected over the horizon."""
        return np.asarray(self.regressor.predict(features, num_threads=0), dtype=np.float64)

    def predict(self, features: Singles) -> Predictions:
        """A row (n, k) is predicted to be of its likeliest class; the expected return is its score."""
        probabilities, expected = self.probabilities(features), self.expected(features)
        nothing = np.full(len(expected), np.nan)
        return Predictions(probabilities, expected, probabilities.argmax(axis=1), scores=expected, beside=nothing)


def text_of(booster: lightgbm.Booster) -> str:
    """LightGBM's text format. The number of threads stands there: always 1, as before there was a choice of them, so
    that the same trees have the same hash."""
    return str(booster.model_to_string()).replace("[num_threads: 0]", "[num_threads: 1]")


def fit_pair(features: Singles, labels: Ints, returns: Floats, *, seed: int) -> ModelPair:
    """Both models on the same rows (n, k); NaN features are LightGBM's own "missing". Deterministic for `seed`."""
    shape = parameters(seed)
    rows = lightgbm.Dataset(features, label=labels, feature_name=list(COLUMNS), params=shape).construct()
    del features  # binned: a caller that keeps them no more has the room back for the fits
    many = {**shape, "objective": "multiclass", "num_class": len(CLASSES)}
    classifier = lightgbm.train(many, rows, TREES)
    rows.set_label(returns)
    return ModelPair(classifier, lightgbm.train({**shape, "objective": "regression"}, rows, TREES))


def gains(pair: ModelPair) -> list[dict[str, Any]]:
    """Share of the total gain of each feature in both models, largest first."""
    found = {
        name: booster.feature_importance(importance_type="gain")
        for name, booster in (("classifier", pair.classifier), ("regressor", pair.regressor))
    }
    shares = {name: gain / (gain.sum() or 1.0) for name, gain in found.items()}
    rows = [
        {"feature": feature, **{f"gain_{name}": float(share[k]) for name, share in shares.items()}}
        for k, feature in enumerate(COLUMNS)
    ]
    return sorted(rows, key=lambda row: (-float(str(row["gain_classifier"])), str(row["feature"])))


def permuted(pair: ModelPair, features: Singles, labels: Ints, *, seed: int) -> dict[str, float]:
    """How much the multi-class log-loss rises when one column is shuffled, on up to 1,000 evenly spaced rows."""
    chosen = _evenly(len(labels), PERMUTED_ROWS)
    x, y = features[chosen], labels[chosen]
    order = np.random.default_rng(seed).permutation(len(y))
    blocks = np.repeat(x[None], len(COLUMNS) + 1, axis=0)
    for k in range(len(COLUMNS)):
        blocks[k + 1, :, k] = x[order, k]
    p = pair.probabilities(blocks.reshape(-1, x.shape[1])).reshape(len(blocks), len(y), len(CLASSES))
    losses = -np.log(np.clip(p[:, np.arange(len(y)), y], 1e-15, 1.0)).mean(axis=1)
    return {name: float(losses[k + 1] - losses[0]) for k, name in enumerate(COLUMNS)}


def shadow_gains(panel: Panel, rows: Ints, *, seed: int) -> FoldImportance:
    """Shares of the gain of a small regressor of the same settings that has a copy of each feature beside it, that of
    another instrument on the same day: on up to 10,000 evenly spaced of `rows`, all with an outcome."""
    chosen = rows[_evenly(len(rows), SHADOW_ROWS)]
    table = row_table(panel.day, panel.instrument, len(panel.symbols))
    (others,) = stand_ins(len(panel.symbols), count=1, seed=seed)
    theirs = table[panel.day[chosen], others[panel.instrument[chosen]]]
    copies = np.where((theirs < 0)[:, None], np.float32(np.nan), panel.features[theirs])
    columns = np.concatenate([panel.features[chosen], copies], axis=1)
    shape = {**parameters(seed), "objective": "regression"}
    booster = lightgbm.train(shape, lightgbm.Dataset(columns, label=panel.returns[chosen], params=shape), SHADOW_TREES)
    gain = booster.feature_importance(importance_type="gain")
    shares = gain / (gain.sum() or 1.0)
    return FoldImportance(shares[: len(COLUMNS)].tolist(), [shares[len(COLUMNS) :].tolist()])


def logistic_scores(features: Singles, labels: Ints, later: Singles) -> Floats | None:
    """Log-odds of BUY that a logistic regression on the same features gives the rows `later`: what the simplest model
    says. Missing values count as the mean. None where one class only occurs."""
    chosen = _evenly(len(labels), LOGISTIC_ROWS)
    up = labels[chosen] == BUY
    if up.all() or not up.any():
        return None
    scaler = StandardScaler().fit(features[chosen])

    def scaled(x: Singles) -> Floats:
        out: Floats = np.nan_to_num(np.clip(scaler.transform(x), -10.0, 10.0)).astype(np.float64)
        return out

    linear = LogisticRegression(max_iter=200).fit(scaled(features[chosen]), up)
    scores: Floats = linear.decision_function(scaled(later))
    return scores


def auc_of_buy(scores: Floats, labels: Ints, ascending: Ints | None = None) -> float | None:
    """How well `scores` rank the BUY rows above the others; None where one class only occurs. `ascending`: see
    `midranks`."""
    up = labels == BUY
    return None if up.all() or not up.any() else auc_of_ranks(midranks(scores, ascending), up)


def _evenly(rows: int, most: int) -> Ints:
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(np.int64))
