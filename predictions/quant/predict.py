"""What a candle model says of each candle, how far the candle is from what it has seen, and what part it had in its
training."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from training.quant.candle.model import CandleModel
from training.quant.ensemble.model import EnsembleModel

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]
SAMPLES = ("before", "train", "validation", "test", "after")
BEFORE, TRAIN, VALIDATION, TEST, AFTER = range(len(SAMPLES))
Bounds = dict[str, tuple[int, int] | None]  # first and last time of each part, seconds


@dataclass(frozen=True)
class Predictions:
    """One row for each candle, decided at its close; NaN where its features are not defined yet.

    `probability`: (n,) of up for the next candle: from this close, or from its open where the model decides there.
    `out_of_range`: (n,) share of features outside the smallest and largest value of the training rows. `distance`: (n,)
    root mean square of the scaled features, about 1 in training.
    """

    features: Floats
    probability: Floats
    out_of_range: Floats
    distance: Floats


def predict_candles(model: CandleModel | EnsembleModel, bars: Bars, *, first: int, stop: int) -> Predictions:
    """For bars `first` … `stop` - 1 (adjusted; earlier ones are warm-up). Each row looks at bars up to its own, and at
    the next one's open where the model does: it has no probability at the newest bar."""
    features = model.features(bars)[first:stop]
    return Predictions(
        features=features,
        probability=model.probability(features),
        out_of_range=model.out_of_range(features),
        distance=model.distance(features),
    )


def sample_codes(time: NDArray[np.int64], bounds: Bounds) -> Codes:
    """For each candle its place in SAMPLES, by the first and last time of each part (None for a part without rows).

    Validation wins over train, whose final fit may include it; candles between parts and later than all of them are
    `after`.
    """
    codes = np.full(len(time), AFTER, dtype=np.int8)
    starts = [bound[0] for bound in bounds.values() if bound]
    if starts:
        codes[time < min(starts)] = BEFORE
    for code in (TRAIN, VALIDATION, TEST):
        bound = bounds.get(SAMPLES[code])
        if bound:
            codes[(time >= bound[0]) & (time <= bound[1])] = code
    return codes
