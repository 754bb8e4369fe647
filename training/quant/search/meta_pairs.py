"""The meta-predictor against `steady`: both retrained window by window over the same unseen bars. PROTOCOL §7.6."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from training.quant.candle.confirm import walk_standings
from training.quant.candle.spec import CandleSpec
from training.quant.search.meta import LEARNERS, Floats, Ints, nearest_trial
from training.quant.search.meta_trees import trees_trial
from training.quant.stats.paired import paired_auc_test

DRAWS = 100_000  # the level falls with each look
ADVISORS = dict(zip(LEARNERS, (nearest_trial, trees_trial), strict=True))


@dataclass(frozen=True)
class PairScores:
    """`series`: its number. `time`: (n,) int64 seconds of the bars decided at, distinct; `up`: (n,) of 0 and 1;
    `standings`: name -> (n,) of `steady` and each of LEARNERS, 0 to 1."""

    series: int
    time: Ints
    up: Floats
    standings: Mapping[str, Floats]


def pair_scores(
    bars: Bars, *, series: int, decision: int, not_before: int, specs: Mapping[str, CandleSpec]
) -> PairScores | None:
    """`specs` of `steady` and of what each learner advises, walked over the windows of the run at bar `decision` that
    are decided at or after `not_before` (seconds, UTC); None where there is no such window.

    `bars` as a confirmation has them, long enough for the features of each.
    """
    walks = {
        name: walk_standings(bars, decision=decision, spec=spec, not_before=not_before) for name, spec in specs.items()
    }
    times = [walk.time for walk in walks.values()]
    common = sorted(set(times[0].tolist()).intersection(*(time.tolist() for time in times[1:])))
    if not common:
        return None
    rows = {name: np.searchsorted(walk.time, common) for name, walk in walks.items()}
    first = next(iter(walks))
    return PairScores(
        series=series,
        time=np.array(common, dtype=np.int64),
        up=walks[first].labels[rows[first]],
        standings={name: walk.percentile_rank[rows[name]] for name, walk in walks.items()},
    )


@dataclass(frozen=True)
class MetaClaim:
    """Of the learner that did better against `steady`. `difference`: its AUC less that of `steady`; `p_value`:
    one-sided, twice the smaller of the two learners' (Bonferroni); `rows`: bars."""

    learner: str
    difference: float
    p_value: float
    rows: int

    def is_better(self, level: float) -> bool:
        """By more than luck, at the level of this look."""
        return self.p_value < level


def meta_claim(pairs: Sequence[PairScores]) -> MetaClaim | None:
    """Over all `pairs` together, one score a bar: where windows of several pairs hold it, their mean standing.

    Ranks change places quarter by quarter of the calendar, those of all instruments together: markets move together,
    and one model speaks at all bars of a window. None without bars of both classes. Deterministic.
    """
    if not pairs:
        return None
    time, up, standings = _one_score_a_bar(pairs)
    tests = {
        name: paired_auc_test(up, standings["steady"], standings[name], blocks=_quarter(time), draws=DRAWS)
        for name in LEARNERS
    }
    held = {name: test for name, test in tests.items() if test is not None}
    if not held:
        return None
    learner = min(held, key=lambda name: held[name].p_better)
    test = held[learner]
    return MetaClaim(learner, test.difference, min(1.0, len(LEARNERS) * test.p_better), test.rows)


def _one_score_a_bar(pairs: Sequence[PairScores]) -> tuple[Ints, Floats, dict[str, Floats]]:
    keys = np.concatenate([np.stack([np.full(len(pair.time), pair.series), pair.time], axis=1) for pair in pairs])
    bars, first, place = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    counts = np.bincount(place.ravel())
    scores = {name: np.concatenate([pair.standings[name] for pair in pairs]) for name in ("steady", *LEARNERS)}
    means = {name: np.bincount(place.ravel(), weights=score) / counts for name, score in scores.items()}
    return bars[:, 1], np.concatenate([pair.up for pair in pairs])[first], means


def _quarter(time: Ints) -> NDArray[Any]:
    return time.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) // 3
