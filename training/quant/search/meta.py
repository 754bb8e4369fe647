"""The meta-predictor: which settings have done well in markets like this one, learnt from the trials of studies.
PROTOCOL §7.6.

Two learners over the same trials. Here the nearest neighbours, free of LightGBM; the other is in `meta_trees`. Both
answer with a trial that a study made, never with a mixture of several: it can be named, and its study too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from training.quant.candle.spec import SEARCHED_RANGES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NEAREST, TREES = LEARNERS = ("nearest", "trees")
PARAMS = tuple(SEARCHED_RANGES)
ABSENT = {"lambda_l2": SEARCHED_RANGES["lambda_l2"].low, "columns": 1.0}  # where a trial leaves them out
LEAST_TRIALS, LEAST_CANDLES = 200, 30  # before anything is suggested
PAIR_TRIALS, PAIR_CANDLES = 100, 10  # of other instruments, before it is held against steady
NEIGHBOURS = 5  # studies


@dataclass(frozen=True)
class MetaDataset:
    """Trials of m studies, n in all. Times are seconds since 1970, UTC.

    `state`: (m, s) as `market_state`, at the candle that the study stands at; `candle`, `seen_until`, `instrument`,
    `series`: (m,) int64. `study`: (n,) int64, the row of a trial's study; `trial`: (n,) int64, its own number in the
    database; `params`: (n, p) as `param_vector`; `skill`: (n,) log-loss of `steady` less its own, on the same folds.
    """

    state: Floats
    candle: Ints
    seen_until: Ints
    instrument: Ints
    series: Ints
    study: Ints
    trial: Ints
    params: Floats
    skill: Floats

    def known_at(self, candle: int, *, without: int | None = None) -> "MetaDataset":
        """Of studies whose last outcome was known at `candle`, without those of the instrument `without`."""
        chosen = self.seen_until <= candle
        return self._of(chosen if without is None else chosen & (self.instrument != without))

    def _of(self, chosen: NDArray[np.bool_]) -> "MetaDataset":
        of_trial = chosen[self.study]
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        by_study = {name: values[name][chosen] for name in ("state", "candle", "seen_until", "instrument", "series")}
        by_trial = {name: values[name][of_trial] for name in ("trial", "params", "skill")}
        place = np.cumsum(chosen) - 1
        return MetaDataset(**by_study, **by_trial, study=place[self.study[of_trial]])

    @property
    def candles(self) -> int:
        """Distinct ones."""
        return len({*zip(self.series.tolist(), self.candle.tolist(), strict=True)})

    def has(self, *, trials: int, candles: int) -> bool:
        return len(self.trial) >= trials and self.candles >= candles


def param_vector(params: Mapping[str, float], rounds: int) -> Floats:
    """(p,) ln of each of PARAMS: a step from 2 to 4 leaves is as far as one from 16 to 32."""
    values = {**ABSENT, **params, "rounds": rounds}
    return np.log([max(values[name], SEARCHED_RANGES[name].low) for name in PARAMS])


def nearest_trial(past: MetaDataset, state: Floats) -> int:
    """Row of the trial that nearest neighbours advise for `state` (s,), not NaN all of it: of the best trials of the 5
    studies whose states are nearest, the one nearest to the others (their medoid).

    States are compared by Euclidean distance in deviations over the studies; what is NaN counts as the mean.
    """
    scale = np.nanstd(past.state, axis=0)
    standard = (past.state - state) / np.where(scale > 0, scale, np.inf)
    distance = np.sum(np.nan_to_num(standard) ** 2, axis=1)
    near = np.argsort(distance, kind="stable")[:NEIGHBOURS]
    return medoid(past, np.array([_best_of(past, study) for study in near]))


def medoid(past: MetaDataset, rows: Ints) -> int:
    """Of the trials `rows`, the one with the smallest sum of distances to the others; the first of equal ones."""
    scale = past.params.std(axis=0)
    standard = past.params[rows] / np.where(scale > 0, scale, np.inf)
    apart = np.abs(standard[:, None, :] - standard[None, :, :]).sum(axis=(1, 2))
    return int(rows[np.argmin(apart)])


def _best_of(past: MetaDataset, study: int) -> int:
    rows = np.flatnonzero(past.study == study)
    return int(rows[np.argmax(past.skill[rows])])
