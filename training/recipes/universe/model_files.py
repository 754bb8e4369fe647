"""What a universe model is written as: texts that serving reads, objects to take away, and what its features count."""

import csv
import io
from collections.abc import Mapping
from typing import Any

from training.artifacts.storage import sha256
from training.quant.candle.export import joblib_bytes
from training.quant.universe.fit import ModelPair, gains, permuted, text_of
from training.quant.universe.honest.export import DayClassifier, DayRegressor
from training.quant.universe.honest.model import TREES_TEXT, WEIGHTS, HonestModel
from training.quant.universe.honest.train import TREES
from training.quant.universe.model import CLASSIFIER, MANIFEST, REGRESSOR
from training.quant.universe.panel import COLUMNS, MODEL_FEATURES, Panel
from training.quant.universe.spec import HONEST, UniverseSpec
from training.quant.universe.train import UniverseOutcome

Model = ModelPair | HonestModel


def artifacts_of(spec: UniverseSpec) -> dict[str, str]:
    """What each file is -> its name. Of `honest` both models are one text."""
    text = TREES_TEXT if spec.score == TREES else WEIGHTS
    classifier, regressor = (text, text) if spec.recipe == HONEST else (CLASSIFIER, REGRESSOR)
    return {
        "classifier": classifier,
        "regressor": regressor,
        "classifier_joblib": "classifier.joblib",
        "regressor_joblib": "regressor.joblib",
        "metrics": "metrics.json",
        "feature_importance": "feature_importance.csv",
        "manifest": MANIFEST,
    }


def feature_names(spec: UniverseSpec) -> list[str]:
    """What the model is given; `honest` ranks them itself."""
    return list(MODEL_FEATURES if spec.recipe == HONEST else COLUMNS)


def model_texts(model: Model) -> dict[str, bytes]:
    """Name -> content; LightGBM's text format, and JSON for weights."""
    if isinstance(model, HonestModel):
        return model.texts()
    return {
        CLASSIFIER: text_of(model.classifier).encode(),
        REGRESSOR: text_of(model.regressor).encode(),
    }


def hash_of(texts: Mapping[str, bytes]) -> str:
    """SHA-256 over the SHA-256 sums of the texts by name, as `sha256sum classifier.txt regressor.txt` gives them."""
    return sha256("".join(f"{sha256(texts[name])}\n" for name in sorted(texts)).encode())


def model_objects(model: Model, spec: UniverseSpec) -> dict[str, bytes]:
    """The joblib files."""
    if isinstance(model, HonestModel):
        classifier = DayClassifier(model, spec.buy_threshold, spec.sell_threshold)
        regressor = DayRegressor(model, spec.buy_threshold, spec.sell_threshold)
        return {"classifier.joblib": joblib_bytes(classifier), "regressor.joblib": joblib_bytes(regressor)}
    return {
        "classifier.joblib": joblib_bytes(model.classifier),
        "regressor.joblib": joblib_bytes(model.regressor),
    }


def importance(panel: Panel, outcome: UniverseOutcome, spec: UniverseSpec) -> dict[str, Any]:
    """By feature, the most important first: gains of trees and what shuffling a column costs; weights of `honest`, by
    horizon, each horizon's brought to length 1."""
    model = outcome.evaluated
    if isinstance(model, HonestModel):
        return {"feature_weights": model.weight_rows()}
    rows = outcome.split.scored(panel, "validation")
    shuffled = permuted(model, panel.features[rows], outcome.labels[rows], seed=spec.seed)
    return {"feature_importance": gains(model), "permutation_importance": shuffled}


def importance_csv(found: Mapping[str, Any]) -> bytes:
    rows = found.get("feature_weights") or [
        {**row, "permutation": found["permutation_importance"][row["feature"]]} for row in found["feature_importance"]
    ]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()
