"""A model of the recipe `honest` as Python objects to take away: a classifier and a regressor of one day's frame."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.exposure import at_least_quarter
from training.quant.universe.honest.model import DayAdvice, HonestModel
from training.quant.universe.panel import CLASSES, MODEL_FEATURES

Floats = NDArray[np.float64]
VOLATILITY = MODEL_FEATURES.index("volatility_20")


@dataclass(frozen=True)
class DayModel:
    """`model` with the bounds of its classes. A frame (n, k) has all instruments of one day, columns as MODEL_FEATURES;
    the deviation of a day's return is its `volatility_20`, where the platform has the prices themselves."""

    model: HonestModel
    buy: float
    sell: float

    def advise(self, frame: Any) -> DayAdvice:
        features = np.asarray(frame, dtype=np.float32)
        sigma = features[None, :, VOLATILITY].astype(np.float64)
        sigma = at_least_quarter(sigma, ~np.isnan(sigma))[0]
        return self.model.advise(features, sigma=sigma, order=np.arange(len(features)), buy=self.buy, sell=self.sell)


@dataclass(frozen=True)
class DayClassifier(DayModel):
    """`classes_` are the columns of `predict_proba`; BUY and SELL are the highest and lowest fifth of the day."""

    classes_: tuple[str, ...] = CLASSES

    def predict_proba(self, frame: Any) -> Floats:
        """(n, 3)."""
        return self.advise(frame).probabilities

    def predict(self, frame: Any) -> NDArray[np.str_]:
        """(n,) names of classes."""
        return np.array(self.classes_)[self.advise(frame).labels]


@dataclass(frozen=True)
class DayRegressor(DayModel):
    """Expected return over the horizon."""

    def predict(self, frame: Any) -> Floats:
        """(n,)."""
        return self.advise(frame).expected
