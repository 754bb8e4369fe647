"""How long after its training a model still ranks: rank IC by the age that it had."""

from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.metrics import daily_rank_ic, rank_ic_interval

Floats = NDArray[np.float64]
Ints = NDArray[np.signedinteger[Any]]

BINS = 4
NONE_SHOWN = "none shown"


@dataclass(frozen=True)
class AgeBin:
    """Of a model that was `first` to `last` trading days old, 1 on the day up to which its training knew outcomes: on
    how many `days`, and the mean rank IC with its 95 % interval from blocks of 2h days."""

    first: int
    last: int
    days: int
    rank_ic: float | None
    rank_ic_interval: list[float] | None


def age_bins(day: Ints, age: Ints, scores: Floats, returns: Floats, *, horizon: int) -> list[AgeBin]:
    """Of rows (n,) with an outcome: the places of their days, how old the model was then (the same for all rows of a
    day), its scores, the returns that came. Four bins of the same width, as nearly as it goes."""
    if not len(day):
        return []
    days, ic = daily_rank_ic(day, scores, returns)
    age_on = np.zeros(int(day.max()) + 1, dtype=np.int64)
    age_on[day] = age
    ages, span = age_on[days], np.arange(int(age.min()), int(age.max()) + 1)
    bins = []
    for reach in np.array_split(span, min(BINS, len(span))):
        first, last = int(reach[0]), int(reach[-1])
        chosen = (ages >= first) & (ages <= last)
        interval = rank_ic_interval(days[chosen], ic[chosen], horizon=horizon)
        mean = float(ic[chosen].mean()) if chosen.any() else None
        bins.append(AgeBin(first, last, int(chosen.sum()), mean, interval))
    return bins


def shelf_life(bins: list[AgeBin]) -> int | str | None:
    """The age up to which every bin's interval lies above 0, NONE_SHOWN where that of the first doesn't; None where
    there are too few days for an interval of the first."""
    if not bins or bins[0].rank_ic_interval is None:
        return None
    above = list(takewhile(lambda each: each.rank_ic_interval is not None and each.rank_ic_interval[0] > 0, bins))
    return above[-1].last if above else NONE_SHOWN
