"""A model of the recipe `honest`, as it speaks of one day's rows, written as text and read back to the same bits.

Weights are JSON, trees LightGBM's own text; nothing is ever unpickled.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.quant.candle.model import MANIFEST, Integrity, check_files, read_booster
from training.quant.universe.honest.advice import class_probabilities, expected_returns, labels_by_fifths
from training.quant.universe.honest.composite import average_ranks, composite, feature_ranks
from training.quant.universe.honest.trees import tree_scores
from training.quant.universe.panel import MODEL_FEATURES

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.signedinteger[Any]]

WEIGHTS, TREES_TEXT = "weights.json", "trees.txt"
FACTS = "honest"  # the manifest's key of `facts`
FORMAT = 1


@dataclass(frozen=True)
class DayAdvice:
    """Of one day's rows (n,): scores, classes, expected returns over the horizon, and `probabilities` (n, 3) of SELL,
    HOLD, BUY."""

    scores: Floats
    labels: Ints
    expected: Floats
    probabilities: Floats


@dataclass(frozen=True)
class HonestModel:
    """`weights` (k,) by horizon, the run's own first; `score` says which of composite and trees is the model of record;
    `mean_return` of the rows fitted on, and `ic` of earlier days: what expected returns go by."""

    score: str
    weights: Mapping[int, Floats]
    trees: "lightgbm.Booster | None"
    mean_return: float
    ic: float

    @property
    def horizon(self) -> int:
        return next(iter(self.weights))

    def scores(self, features: Singles) -> Floats:
        """(n,) of all rows (n, k) of one day, columns as MODEL_FEATURES: they are ranked among each other."""
        day, instrument = np.zeros(len(features), dtype=np.int64), np.arange(len(features))
        ranks = feature_ranks(day, instrument, features)
        if self.score == "trees":
            assert self.trees is not None
            return tree_scores(self.trees, ranks)
        return average_ranks(day, instrument, [composite(ranks, weights) for weights in self.weights.values()])

    def advise(self, features: Singles, *, sigma: Floats, order: Ints, buy: float, sell: float) -> DayAdvice:
        """Of all rows (n, k) of one day; `sigma` (n,) is the deviation of a day's return (`Exposures.sigma`), `order`
        (n,) the place of each symbol by name, which settles ties."""
        day, instrument = np.zeros(len(features), dtype=np.int64), np.arange(len(features))
        scores = self.scores(features)
        expected = expected_returns(
            day,
            instrument,
            scores,
            sigma=sigma,
            mean_return=self.mean_return,
            ic=self.ic,
            horizon=self.horizon,
        )
        return DayAdvice(
            scores=scores,
            labels=labels_by_fifths(day, scores, order),
            expected=expected,
            probabilities=class_probabilities(expected, sigma=sigma, horizon=self.horizon, buy=buy, sell=sell),
        )

    def contributions(self, features: Singles) -> Floats:
        """(n, k) what each feature of one day's rows adds to the score: its rank times its weight, the weights of each
        horizon brought to length 1 and averaged; of trees, LightGBM's own contributions."""
        ranks = feature_ranks(np.zeros(len(features), dtype=np.int64), np.arange(len(features)), features)
        if self.score == "trees":
            assert self.trees is not None
            by_trees = self.trees.predict(np.ascontiguousarray(ranks), pred_contrib=True, num_threads=1)
            return np.asarray(by_trees, dtype=np.float64)[:, :-1]
        lengths = [float(np.sqrt((weights * weights).sum())) or 1.0 for weights in self.weights.values()]
        unit = [weights / length for weights, length in zip(self.weights.values(), lengths, strict=True)]
        shares: Floats = ranks.astype(np.float64) * np.mean(unit, axis=0)
        return shares

    def weight_rows(self) -> list[dict[str, Any]]:
        """By feature, the weightiest first: its weight for each horizon, each horizon's weights brought to length 1.
        Trees have the composite's beside them, and are read by `contributions`."""
        lengths = {h: float(np.sqrt((weights * weights).sum())) or 1.0 for h, weights in self.weights.items()}
        rows = [
            {"feature": name, **{f"weight_{h}": float(self.weights[h][k]) / lengths[h] for h in self.weights}}
            for k, name in enumerate(MODEL_FEATURES)
        ]
        return sorted(rows, key=lambda row: (-abs(row[f"weight_{self.horizon}"]), row["feature"]))

    def texts(self) -> dict[str, bytes]:
        """Name -> content of its files."""
        weights = {
            "format": FORMAT,
            "feature_names": list(MODEL_FEATURES),
            "weights": {str(horizon): values.tolist() for horizon, values in self.weights.items()},
        }
        files = {WEIGHTS: (json.dumps(weights, indent=1) + "\n").encode()}
        if self.trees is not None:
            files[TREES_TEXT] = self.trees.model_to_string().encode()
        return files

    def facts(self) -> dict[str, Any]:
        """What the manifest holds of it under FACTS."""
        return {"score": self.score, "mean_return": self.mean_return, "ic": self.ic}


def read_honest_model(files: dict[str, bytes], expected: dict[str, str]) -> HonestModel:
    """From the bytes of MANIFEST, WEIGHTS and, where there are trees, TREES_TEXT, each held against its SHA-256 first.
    Raises Integrity."""
    check_files(files, expected)
    stored, facts = json.loads(files[WEIGHTS]), json.loads(files[MANIFEST])[FACTS]
    if stored["format"] != FORMAT or tuple(stored["feature_names"]) != MODEL_FEATURES:
        raise Integrity("The model was made by another release, for other features. Train it again.")
    return HonestModel(
        score=facts["score"],
        weights={int(horizon): np.array(values) for horizon, values in stored["weights"].items()},
        trees=read_booster(files[TREES_TEXT]) if TREES_TEXT in files else None,
        mean_return=facts["mean_return"],
        ic=facts["ic"],
    )
