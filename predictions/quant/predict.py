"""What a candle model says of each candle, and what part that candle had in its training."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features import feature_matrix
from training.quant.serving import CandleModel

Floats = NDArray[np.float64]
SAMPLES = ("before", "train", "validation", "test", "after")


@dataclass(frozen=True)
class Predictions:
    """One row for each candle, decided at its close. `probability`: (n,) of up for the next candle."""

    time: NDArray[np.int64]
    probability: Floats


def predict_candles(model: CandleModel, bars: Bars, *, first: int) -> Predictions:
    """Probabilities for bars `first` … n-1 (adjusted; earlier ones are warm-up). Each looks at bars up to its own.

    Candles whose features are not defined yet (the series begins too late before them) are left out.
    """
    features = feature_matrix(bars, name=model.feature_set, timeframe=model.timeframe)[first:]
    probability = model.probability(features)
    known = ~np.isnan(probability)
    return Predictions(time=bars.time[first:][known], probability=probability[known])


def sample_of(time: NDArray[np.int64], bounds: dict[str, tuple[int, int] | None]) -> list[str]:
    """For each candle: before, train, validation, test or after, by the first and last time of each part (seconds;
    None for a part without rows). Validation wins over train, whose final fit may include it; candles between parts
    and later than all of them are `after`."""
    out = np.full(len(time), "after", dtype=object)
    starts = [bound[0] for bound in bounds.values() if bound]
    if starts:
        out[time < min(starts)] = "before"
    for name in ("train", "validation", "test"):
        bound = bounds.get(name)
        if bound:
            out[(time >= bound[0]) & (time <= bound[1])] = name
    return [str(name) for name in out]
