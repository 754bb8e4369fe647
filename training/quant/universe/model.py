"""A universe model read back from its text files, for serving."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from training.quant.candle.model import Integrity, check_files, read_booster
from training.quant.stats.stability import Distribution
from training.quant.universe.panel import CLASSES, COLUMNS

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
CLASSIFIER, REGRESSOR, MANIFEST = "classifier.txt", "regressor.txt", "manifest.json"
FORMAT = 2


@dataclass(frozen=True)
class UniverseModel:
    """Both boosters, what they were made of, and how its features and scores were distributed then.

    `used_until` is the ISO date of the last outcome that it has seen.
    """

    classifier: "lightgbm.Booster"
    regressor: "lightgbm.Booster"
    horizon: int
    buy_threshold: float
    sell_threshold: float
    used_until: str
    symbols: tuple[str, ...]
    features: Distribution
    scores: Distribution

    def predict(self, features: Singles) -> tuple[Floats, Floats]:
        """Probabilities (n, 3) of SELL, HOLD, BUY and expected returns (n,) for rows (n, k), columns as COLUMNS."""
        p = self.classifier.predict(features, num_threads=1)
        expected = self.regressor.predict(features, num_threads=1)
        return np.asarray(p, dtype=np.float64), np.asarray(expected, dtype=np.float64)

    def contributions(self, features: Singles, place: int) -> Floats:
        """(k,) what each feature of one row (k,) adds to the raw score of the class at `place` in CLASSES."""
        found = np.asarray(self.classifier.predict(features[None], pred_contrib=True, num_threads=1))
        return np.asarray(found.reshape(len(CLASSES), len(COLUMNS) + 1)[place, :-1], dtype=np.float64)


def read_universe_model(files: dict[str, bytes], expected: dict[str, str]) -> UniverseModel:
    """From the bytes of CLASSIFIER, REGRESSOR and MANIFEST, each held against its SHA-256 first. Raises Integrity."""
    check_files(files, expected)
    manifest = json.loads(files[MANIFEST])
    if manifest["format"] != FORMAT or tuple(manifest["feature_names"]) != COLUMNS:
        raise Integrity("The model was made by another release, for other features. Train it again.")
    return UniverseModel(
        classifier=read_booster(files[CLASSIFIER]),
        regressor=read_booster(files[REGRESSOR]),
        horizon=manifest["horizon"],
        buy_threshold=manifest["buy_threshold"],
        sell_threshold=manifest["sell_threshold"],
        used_until=manifest["used_until"],
        symbols=tuple(manifest["symbols"]),
        features=Distribution.from_dict(manifest["distribution"]["features"]),
        scores=Distribution.from_dict(manifest["distribution"]["scores"]),
    )
