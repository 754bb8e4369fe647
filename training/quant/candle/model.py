"""Models read back from their text files, for serving; here the candle model. Nothing is ever unpickled.

LightGBM is imported when the first model is read: it costs 3 s, which no web process should wait for at its start
(boursomatic/wsgi.py loads it in the background).
"""

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]
MODEL, MANIFEST = "model.txt", "manifest.json"


def probability(booster: "lightgbm.Booster", mean: Floats, scale: Floats, features: Floats, rounds: int) -> Floats:
    """P(class 1) by a booster's first `rounds` trees on (n, k) unscaled features without NaN. Shape (n,)."""
    out = booster.predict((features - mean) / scale, num_iteration=rounds, num_threads=1)
    return np.asarray(out, dtype=np.float64)


class Integrity(Exception):
    """A stored file is not what was written; it must not be used."""


@dataclass(frozen=True)
class CandleModel:
    """What serving needs of a model, read back from its text files."""

    booster: "lightgbm.Booster"
    mean: Floats
    scale: Floats
    rounds: int
    feature_set: str
    timeframe: str
    threshold: float
    feature_low: Floats  # (k,) smallest and largest value of each feature in the training rows
    feature_high: Floats

    def probability(self, features: Floats) -> Floats:
        """P(up) for (n, k) unscaled features; NaN where a row has a NaN (its window is not full). Shape (n,)."""
        if not len(features):
            return np.empty(0)
        out = probability(self.booster, self.mean, self.scale, features, self.rounds)
        out[np.isnan(features).any(axis=1)] = np.nan
        return out


def read_model(files: dict[str, bytes], expected: dict[str, str]) -> CandleModel:
    """A model from the bytes of `model.txt` and `manifest.json`, each held against its SHA-256 before it is parsed:
    a corrupt text can kill the process, an edited digit silently changes predictions. Raises Integrity."""
    check_files(files, expected)
    manifest = json.loads(files[MANIFEST])
    return CandleModel(
        booster=read_booster(files[MODEL]),
        mean=np.array(manifest["scaler"]["mean"]),
        scale=np.array(manifest["scaler"]["scale"]),
        rounds=manifest["rounds"],
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
