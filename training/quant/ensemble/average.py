"""Many models' answers made into one. Equal weights: choosing them by the rows that judge would be a search."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.quant.stats.classification import percentile_rank

Floats = NDArray[np.float64]


def average(how: str, scores: Sequence[Floats], references: Sequence[Floats]) -> Floats:
    """The mean over m models of their probabilities (`mean`), or of each probability's percentile rank among the same
    model's `references`, its probabilities for its training rows (`rank`). All 0 to 1.

    `scores`: m arrays (n,), NaN where a model can't answer; `references`: m arrays of any lengths, without NaN. Shape
    (n,), NaN where any model can't answer. One model's `mean` is its probability to the last bit.
    """
    if how == "rank":
        ranked = (percentile_rank(score, reference) for score, reference in zip(scores, references, strict=True))
        scores = [np.where(np.isnan(score), np.nan, rank) for score, rank in zip(scores, ranked, strict=True)]
    return np.asarray(np.mean(scores, axis=0))


def average_threshold(how: str, thresholds: Sequence[float], references: Sequence[Floats]) -> float:
    """Where up begins on the scale of `average`: the mean of the models' own thresholds, taken to that scale."""
    return float(average(how, [np.array([threshold]) for threshold in thresholds], references)[0])
