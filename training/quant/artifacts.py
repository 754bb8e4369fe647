"""The files of a candle model as bytes. Serving reads `model.txt` and `manifest.json`; nothing is ever unpickled."""

import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

import joblib
import lightgbm
import numpy as np
from numpy.typing import NDArray

from training.quant.candle import CandleOutcome
from training.quant.fit import probability
from training.quant.spec import CandleSpec

Floats = NDArray[np.float64]
MODEL, MANIFEST = "model.txt", "manifest.json"


class Integrity(Exception):
    """A stored file is not what was written; it must not be used."""


@dataclass(frozen=True)
class CandleModel:
    """What serving needs of a model, read back from its text files."""

    booster: lightgbm.Booster
    mean: Floats
    scale: Floats
    rounds: int
    feature_set: str
    timeframe: str
    threshold: float

    def probability(self, features: Floats) -> Floats:
        """P(up) for (n, k) unscaled features; NaN where a row has a NaN (its window is not full). Shape (n,)."""
        known = ~np.isnan(features).any(axis=1)
        out = np.full(len(features), np.nan)
        if known.any():
            out[known] = probability(self.booster, self.mean, self.scale, features[known], self.rounds)
        return out


def model_text(outcome: CandleOutcome) -> bytes:
    """LightGBM's text format; its SHA-256 is the model hash."""
    return str(outcome.final.model.booster_.model_to_string()).encode()


def manifest(outcome: CandleOutcome, spec: CandleSpec, *, hashes: dict[str, str]) -> dict[str, Any]:
    """Scaler, features and threshold beside the trees; floats are written so that they read back to the same bits."""
    low, high = outcome.feature_range
    return {
        "format": 1,
        "feature_set": spec.feature_set,
        "feature_names": list(outcome.columns),
        "timeframe": spec.timeframe,
        "rounds": outcome.final.rounds,
        "threshold": outcome.threshold,
        "scaler": {"mean": outcome.final.scaler.mean_.tolist(), "scale": outcome.final.scaler.scale_.tolist()},
        "feature_low": low.tolist(),
        "feature_high": high.tolist(),
        **hashes,
    }


def joblib_bytes(thing: Any) -> bytes:
    """For the user to take away."""
    buffer = io.BytesIO()
    joblib.dump(thing, buffer)
    return buffer.getvalue()


def json_bytes(thing: Any) -> bytes:
    """Readable JSON; a NaN is a bug and raises ValueError."""
    return json.dumps(thing, indent=1, allow_nan=False).encode()


def read_model(files: dict[str, bytes], expected: dict[str, str]) -> CandleModel:
    """A model from the bytes of `model.txt` and `manifest.json`, each held against its SHA-256 before it is parsed:
    a corrupt text can kill the process, an edited digit silently changes predictions. Raises Integrity."""
    for name in (MODEL, MANIFEST):
        if hashlib.sha256(files[name]).hexdigest() != expected.get(name):
            raise Integrity(f"{name} has changed since it was written. Train the model again, or restore a backup.")
    said = json.loads(files[MANIFEST])
    return CandleModel(
        booster=lightgbm.Booster(model_str=files[MODEL].decode(), params={"verbosity": -1}),
        mean=np.array(said["scaler"]["mean"]),
        scale=np.array(said["scaler"]["scale"]),
        rounds=said["rounds"],
        feature_set=said["feature_set"],
        timeframe=said["timeframe"],
        threshold=said["threshold"],
    )
