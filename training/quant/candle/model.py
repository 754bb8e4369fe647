"""Models read back from their text files, for serving; here the candle models. Nothing is ever unpickled.

LightGBM is imported when the first model is read: it costs 3 s, which no web process should wait for at its start
(boursomatic/wsgi.py loads it in the background).
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix, feature_set

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]
MODEL, MANIFEST = "model.txt", "manifest.json"


def tree_probability(booster: "lightgbm.Booster", rounds: int, scaled: Floats) -> Floats:
    """P(class 1) by a booster's first `rounds` trees on (n, k) scaled features without NaN. Shape (n,)."""
    out = booster.predict(scaled, num_iteration=rounds, num_threads=1)
    return np.asarray(out, dtype=np.float64)


def linear_probability(weights: Floats, intercept: float, scaled: Floats) -> Floats:
    """P(class 1) by logistic regression, `weights` (k,), on (n, k) scaled features. Shape (n,)."""
    out: Floats = np.exp(-np.logaddexp(0, -(scaled @ weights + intercept)))  # 1 / (1 + exp(-score)), without overflow
    return out


class Integrity(Exception):
    """A stored file is not what was written; it must not be used."""


@dataclass(frozen=True)
class CandleModel:
    """What serving needs of a model, read back from its text files."""

    mean: Floats
    scale: Floats
    of_scaled: Callable[[Floats], Floats]  # P(up) for (n, k) scaled features without NaN
    feature_set: str
    timeframe: str
    threshold: float
    feature_low: Floats  # (k,) smallest and largest value of each feature in the training rows
    feature_high: Floats

    @property
    def warmup(self) -> int:
        """Bars that must come before the first row that has all features."""
        return feature_set(self.feature_set).warmup

    def features(self, bars: Bars) -> Floats:
        """(n, k) unscaled features of adjusted bars; NaN where a window is not full."""
        return feature_matrix(bars, name=self.feature_set, timeframe=self.timeframe)

    def probability(self, features: Floats) -> Floats:
        """P(up) for (n, k) unscaled features; NaN where a row has a NaN (its window is not full). Shape (n,)."""
        out = np.full(len(features), np.nan)
        complete = ~np.isnan(features).any(axis=1)
        if complete.any():
            out[complete] = self.of_scaled((features[complete] - self.mean) / self.scale)
        return out

    def out_of_range(self, features: Floats) -> Floats:
        """Share of features outside the smallest and largest value of the training rows; NaN where a row has a NaN.
        Shape (n,)."""
        outside = (features < self.feature_low) | (features > self.feature_high)
        return np.where(np.isnan(features).any(axis=1), np.nan, outside.mean(axis=1))

    def distance(self, features: Floats) -> Floats:
        """Root mean square of the scaled features, about 1 in training; NaN where a row has a NaN. Shape (n,)."""
        scaled = (features - self.mean) / self.scale
        return np.asarray(np.sqrt(np.mean(scaled * scaled, axis=1)))


def read_model(files: dict[str, bytes], expected: dict[str, str]) -> CandleModel:
    """A model from the bytes of `manifest.json` and, for boosted trees, `model.txt`, each held against its SHA-256
    before it is parsed: a corrupt text can kill the process, an edited digit silently changes predictions. Raises
    Integrity."""
    check_files(files, expected)
    manifest = json.loads(files[MANIFEST])
    of_scaled = (
        partial(linear_probability, np.array(manifest["weights"]), manifest["intercept"])
        if "weights" in manifest
        else partial(tree_probability, read_booster(files[MODEL]), manifest["rounds"])
    )
    return CandleModel(
        mean=np.array(manifest["scaler"]["mean"]),
        scale=np.array(manifest["scaler"]["scale"]),
        of_scaled=of_scaled,
        feature_set=manifest["feature_set"],
        timeframe=manifest["timeframe"],
        threshold=manifest["threshold"],
        feature_low=np.array(manifest["feature_low"]),
        feature_high=np.array(manifest["feature_high"]),
    )


def check_files(files: dict[str, bytes], expected: dict[str, str]) -> None:
    """Each file against its SHA-256. Raises Integrity."""
    for name, content in files.items():
        if hashlib.sha256(content).hexdigest() != expected.get(name):
            raise Integrity(f"{name} has changed since it was written. Train the model again, or restore a backup.")


def read_booster(text: bytes) -> "lightgbm.Booster":
    """From LightGBM's text format, once its hash was checked."""
    import lightgbm  # noqa: PLC0415 - see the module's docstring

    return lightgbm.Booster(model_str=text.decode())
