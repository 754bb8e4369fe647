"""Do the 95 % intervals of a universe's walk cover what is true, where nothing foretells anything?

What is true of a recommendation without skill depends on when it was made and of what: who buys volatile names in
volatile weeks meets +5 % more often than the day's others do, and pays for it as often. So the truth is simulated:
given all that was known at each day's close, the returns that follow are drawn anew from the generator, and the figures
of the same recommendations are averaged over the draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.honest_shares import Row, at_least
from scripts.benchmarks.universe_markets import Universe
from training.quant.universe.honest.advice import labels_by_fifths
from training.quant.universe.honest.train import HonestRows
from training.quant.universe.metrics import buy_figures, daily_rank_ic, rank_ic_interval
from training.quant.universe.panel import BUY
from training.quant.universe.spec import UniverseSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DRAWS = 10  # the truth's own error is a tenth of an interval's half-width or less
LEAST = 0.92
NAMES = ("precision", "lift", "rank_ic")


@dataclass(frozen=True)
class Interval:
    """`truth` is the mean over the draws; `figure` and `interval` are what the product says."""

    figure: float
    interval: tuple[float, float]
    truth: float

    def covers(self, value: float) -> bool:
        return self.interval[0] <= value <= self.interval[1]


def intervals(
    world: Universe, rows: HonestRows, chosen: Ints, scores: Floats, *, spec: UniverseSpec, seed: int
) -> dict[str, Interval]:
    """By NAMES, of the recommendations for the rows numbered `chosen` (m,) by their `scores` (m,). Every day of the
    world counts, so that places of days are those of bars; its names are in the order of their symbols."""
    labels = labels_by_fifths(rows.day[chosen], scores, rows.instrument[chosen])
    own = rows.forward[spec.horizon]
    is_known = own.has_outcome[chosen]
    day, instrument = rows.day[chosen][is_known], rows.instrument[chosen][is_known]
    scores, bought = scores[is_known], labels[is_known] == BUY

    def by_name(returns: Floats) -> dict[str, Any]:
        buys = buy_figures(day, bought, returns >= spec.buy_threshold, horizon=spec.horizon)
        days, ic = daily_rank_ic(day, scores, returns)
        interval = rank_ic_interval(days, ic, horizon=spec.horizon)
        return buys | {"rank_ic": float(ic.mean()), "rank_ic_interval": interval}

    rng, places = np.random.default_rng(seed), np.unique(day)
    at = np.searchsorted(places, day)
    draws = [by_name(world.redrawn(places, spec.horizon, rng=rng)[at, instrument]) for _ in range(DRAWS)]
    came = by_name(own.returns[chosen][is_known])
    return {
        name: Interval(came[name], tuple(came[f"{name}_interval"]), float(np.mean([draw[name] for draw in draws])))
        for name in NAMES
    }


def interval_rows(name: str, walks: Sequence[dict[str, Interval]]) -> list[Row]:
    return [_row(f"{name}, 95 % interval of {figure} covers the truth", [walk[figure] for walk in walks])
            for figure in NAMES]  # fmt: skip


def _row(name: str, of_figure: Sequence[Interval]) -> Row:
    return at_least(name, sum(one.covers(one.truth) for one in of_figure), len(of_figure), LEAST)
