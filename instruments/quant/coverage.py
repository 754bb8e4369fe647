"""Gaps between the bars of a series, and the splits that its adjusted prices know of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from instruments.quant.bars import Bars

DAY = 86_400
# Calendar days between two bars that a weekend and its holidays can take, by timeframe: Thursday before Easter to
# Tuesday. Without the exchange's calendar a shorter gap can't be told from a holiday.
LONGEST: Mapping[str, int] = {"1h": 5, "4h": 5, "1d": 5, "1w": 12}
SPLIT = 1.2  # a dividend moves the adjustment by less


@dataclass(frozen=True)
class Gap:
    """Between two neighbouring bars, at these seconds since 1970."""

    before: int
    after: int

    @property
    def days(self) -> int:
        return (self.after - self.before) // DAY


@dataclass(frozen=True)
class Split:
    """`ratio` new shares for each old one, from the bar at `time` on."""

    time: int
    ratio: float


def find_gaps(bars: Bars, timeframe: str) -> list[Gap]:
    """Neighbours further apart than LONGEST, the newest first."""
    places = np.flatnonzero(np.diff(bars.time) > LONGEST[timeframe] * DAY)
    return [Gap(int(bars.time[k]), int(bars.time[k + 1])) for k in places[::-1]]


def find_splits(bars: Bars) -> list[Split]:
    """Steps of the adjustment, adj_close / close, by a fifth or more, the newest first."""
    factor = bars.adj_close / bars.close
    steps = factor[1:] / factor[:-1]
    places = np.flatnonzero((steps >= SPLIT) | (steps <= 1.0 / SPLIT))
    return [Split(int(bars.time[k + 1]), float(steps[k])) for k in places[::-1]]


def is_adjusted(bars: Bars) -> bool:
    """Whether any adjusted close differs from the close."""
    return bool((bars.adj_close != bars.close).any())
