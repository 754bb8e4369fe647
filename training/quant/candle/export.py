"""The files of a candle model as bytes; `training.quant.candle.model` reads `manifest.json` and, of trees, `model.txt`
back."""

import io
import json
from typing import Any

import joblib

from training.quant.candle.spec import CandleSpec
from training.quant.candle.train import CandleOutcome


def manifest(outcome: CandleOutcome, spec: CandleSpec, *, hashes: dict[str, str]) -> dict[str, Any]:
    """Scaler, features and threshold beside the trees, or with the weights of logistic regression; floats are written
    so that they read back to the same bits."""
    low, high = outcome.feature_range
    final = outcome.final
    return {
        "format": 1,
        "feature_set": spec.feature_set,
        "feature_names": list(outcome.columns),
        "decision": spec.decision,
        "timeframe": spec.timeframe,
        **final.in_manifest,
        "threshold": outcome.threshold,
        "scaler": {"mean": final.scaler.mean_.tolist(), "scale": final.scaler.scale_.tolist()},
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
    """A NaN is a bug and raises ValueError. Not indented: that would take Python's slow encoder, 5 ms a run."""
    return json.dumps(thing, allow_nan=False).encode()
