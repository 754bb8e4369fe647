"""A universe model read back from its text files, for serving."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from training.quant.candle.model import Integrity, check_files, read_booster
from training.quant.stats.stability import Distribution
from training.quant.universe.honest.model import TREES_TEXT, WEIGHTS, HonestModel, read_honest_model
from training.quant.universe.panel import CLASSES, COLUMNS, MODEL_FEATURES
from training.quant.universe.predictions import Predictions

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.signedinteger[Any]]
CLASSIFIER, REGRESSOR, MANIFEST = "classifier.txt", "regressor.txt", "manifest.json"
SERVED = (
    CLASSIFIER,
    REGRESSOR,
    WEIGHTS,
    TREES_TEXT,
    MANIFEST,
)  # what serving reads, as far as it is there
FORMAT = 2


class Speaker(Protocol):
    """A recipe's own part of a served model. Rows (n, k) of one day, columns as COLUMNS."""

    def predict(self, features: Singles, *, sigma: Floats, order: Ints) -> Predictions: ...

    def contributions(self, features: Singles, row: int, label: int) -> Floats: ...


@dataclass(frozen=True)
class UniverseModel:
    """What speaks, what it was made of, and how its features and scores were distributed then.

    `used_until` is the ISO date of the last outcome that it has seen.
    """

    speaker: Speaker
    horizon: int
    buy_threshold: float
    sell_threshold: float
    used_until: str
    symbols: tuple[str, ...]
    features: Distribution
    scores: Distribution

    def predict(self, features: Singles, *, sigma: Floats, order: Ints) -> Predictions:
        """Of all rows (n, k) of one day, columns as COLUMNS. `sigma` (n,): the deviation of a day's return, `order`
        (n,): the place of each symbol by name, which settles ties."""
        return self.speaker.predict(features, sigma=sigma, order=order)

    def contributions(self, features: Singles, row: int, label: int) -> Floats:
        """(columns,) what each feature of the row numbered `row` of one day (n, k) adds to its score; of `phase22` to
        that of the class `label`. 0 for what the model isn't given."""
        return self.speaker.contributions(features, row, label)


@dataclass(frozen=True)
class BoosterPair:
    """Of `phase22`: a classifier and a regressor, each row by itself."""

    classifier: "lightgbm.Booster"
    regressor: "lightgbm.Booster"

    def predict(self, features: Singles, *, sigma: Floats, order: Ints) -> Predictions:
        p = np.asarray(self.classifier.predict(features, num_threads=1), dtype=np.float64)
        expected = np.asarray(self.regressor.predict(features, num_threads=1), dtype=np.float64)
        return Predictions(p, expected, p.argmax(axis=1), scores=expected, beside=np.full(len(p), np.nan))

    def contributions(self, features: Singles, row: int, label: int) -> Floats:
        by_class = np.asarray(self.classifier.predict(features[row][None], pred_contrib=True, num_threads=1))
        return np.asarray(by_class.reshape(len(CLASSES), len(COLUMNS) + 1)[label, :-1], dtype=np.float64)


@dataclass(frozen=True)
class DayRanks:
    """Of `honest`: the ranks of all rows of a day among each other."""

    model: HonestModel
    buy_threshold: float
    sell_threshold: float

    def predict(self, features: Singles, *, sigma: Floats, order: Ints) -> Predictions:
        given, bounds = _given(features), {"buy": self.buy_threshold, "sell": self.sell_threshold}
        advice = self.model.advise(given, sigma=sigma, order=order, **bounds)
        nothing = np.full(len(given), np.nan)
        return Predictions(advice.probabilities, advice.expected, advice.labels, advice.scores, beside=nothing)

    def contributions(self, features: Singles, row: int, label: int) -> Floats:
        added = np.zeros(features.shape[1])
        added[: len(MODEL_FEATURES)] = self.model.contributions(_given(features))[row]
        return added


def _given(features: Singles) -> Singles:
    """Without the separate ranks."""
    return features[:, : len(MODEL_FEATURES)]


def read_universe_model(files: dict[str, bytes], expected: dict[str, str]) -> UniverseModel:
    """From the bytes of those of SERVED that the model has, each held against its SHA-256 first. Raises Integrity."""
    check_files(files, expected)
    manifest = json.loads(files[MANIFEST])
    return UniverseModel(
        speaker=_day_ranks(files, expected, manifest) if WEIGHTS in files else _booster_pair(files, manifest),
        horizon=manifest["horizon"],
        buy_threshold=manifest["buy_threshold"],
        sell_threshold=manifest["sell_threshold"],
        used_until=manifest["used_until"],
        symbols=tuple(manifest["symbols"]),
        features=Distribution.from_dict(manifest["distribution"]["features"]),
        scores=Distribution.from_dict(manifest["distribution"]["scores"]),
    )


def _booster_pair(files: dict[str, bytes], manifest: dict[str, Any]) -> BoosterPair:
    if manifest["format"] != FORMAT or tuple(manifest["feature_names"]) != COLUMNS:
        raise Integrity("The model was made by another release, for other features. Train it again.")
    return BoosterPair(read_booster(files[CLASSIFIER]), read_booster(files[REGRESSOR]))


def _day_ranks(files: dict[str, bytes], expected: dict[str, str], manifest: dict[str, Any]) -> DayRanks:
    model = read_honest_model(files, expected)
    return DayRanks(model, manifest["buy_threshold"], manifest["sell_threshold"])
