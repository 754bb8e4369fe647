"""What a universe model says of each instrument at the close of one session, from bars up to that session alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.daily import CORE, DAY, get_feature_columns
from training.quant.universe.exposure import latest_deviations
from training.quant.universe.model import Ints, UniverseModel
from training.quant.universe.panel import COLUMNS, given_features
from training.quant.universe.predictions import Predictions

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Predict(Protocol):
    """As `UniverseModel.predict`."""

    def __call__(self, features: NDArray[np.float32], *, sigma: Floats, order: Ints) -> Predictions: ...


@dataclass(frozen=True)
class Advice:
    """One row for each of N instruments, in their order; `session` is the day number of the last bar of them all.

    `label` is a place in CLASSES, -1 where nothing is said; then `probabilities` (N, 3) and `expected` (N,) are NaN and
    `rank` is 0. Rank 1 has the highest score. `features` (N, k) float32 are what the model was given.
    """

    session: int
    features: NDArray[np.float32]
    label: NDArray[np.int64]
    probabilities: Floats
    expected: Floats
    rank: NDArray[np.int64]
    stale: Flags  # its last candle is too old: nothing is said
    lacking: Flags  # too few candles for features: nothing is said
    outside: Flags  # a feature lies beyond all training rows


def advise(
    model: UniverseModel,
    symbols: Sequence[str],
    many: Sequence[Bars],
    stored: NDArray[np.float32],
    *,
    oldest: int,
    predict: Predict,
) -> Advice:
    """`many`: candles of each of the `symbols`, adjusted, at least one in all and none after the session; `stored`
    (N, k): the features of the last one of each, columns as `get_feature_columns`, NaN where it has none. An instrument
    whose last candle is more than `oldest` sessions of the universe old is stale. `predict` is the model's own,
    wherever it is worked out."""
    last = np.array([int(bars.time[-1]) // DAY if len(bars) else -1 for bars in many])
    recent = np.unique(np.concatenate([bars.time[-oldest - 1 :] // DAY for bars in many]))
    behind = len(recent) - np.searchsorted(recent, last, side="right")
    core = [get_feature_columns().index(name) for name in CORE]
    lacking = np.isnan(stored[:, core]).any(axis=1)
    stale = (behind > oldest) & (last >= 0)
    eligible = np.flatnonzero(~lacking & ~stale)

    features = np.full((len(many), len(COLUMNS)), np.nan, dtype=np.float32)
    features[eligible] = given_features(stored[eligible], np.zeros(len(eligible), dtype=np.int64))
    probabilities, expected = np.full((len(many), 3), np.nan), np.full(len(many), np.nan)
    label, rank = np.full(len(many), -1), np.zeros(len(many), dtype=np.int64)
    if len(eligible):
        order = np.argsort(np.argsort([symbols[j] for j in eligible.tolist()], kind="stable"), kind="stable")
        sigma = last_deviations([many[j] for j in eligible.tolist()])
        said = predict(features[eligible], sigma=sigma, order=order)
        probabilities[eligible], expected[eligible], label[eligible] = said.probabilities, said.expected, said.labels
        rank[eligible[np.argsort(-said.scores, kind="stable")]] = np.arange(1, len(eligible) + 1)
    return Advice(
        session=int(recent[-1]),
        features=features,
        label=label,
        probabilities=probabilities,
        expected=expected,
        rank=rank,
        stale=stale,
        lacking=lacking & ~stale,
        outside=_outside(model, features) & (label >= 0),
    )


def last_deviations(many: Sequence[Bars]) -> Floats:
    """(N,) deviation of a day's return as of the newest day of them all, from adjusted closes (`Exposures.sigma`)."""
    longest = max(len(bars) for bars in many)
    returns = np.full((len(many), longest), np.nan)
    for own, bars in zip(returns, many, strict=True):
        own[longest - len(bars) + 1 :] = bars.close[1:] / bars.close[:-1] - 1.0
    newest = np.array([int(bars.time[-1]) // DAY for bars in many])
    return latest_deviations(np.ascontiguousarray(returns.T), newest == newest.max())


def _outside(model: UniverseModel, features: NDArray[np.float32]) -> Flags:
    low, high = (
        np.array([getattr(one, name) for one in model.features.columns.values()], dtype=np.float32)
        for name in ("low", "high")
    )
    return np.asarray(((features < low) | (features > high)).any(axis=1), dtype=np.bool_)
