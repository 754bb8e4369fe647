"""Survivors: an index of made-up stocks whose losers leave, walked with each day's members and with today's alone.

Nothing foretells anything in these prices, so a lift over the base rate, and a yearly return of equal weight beyond the
pool's, are what the choice of members adds.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.features.daily import daily_features
from instruments.quant.membership import Stretch, Stretches
from scripts.benchmarks.honest_universes import HORIZON, HORIZONS, WALK, _honest, _said
from scripts.benchmarks.universe_markets import Universe, universe
from training.quant.universe.honest.advice import labels_by_fifths
from training.quant.universe.metrics import buy_figures, simulate_portfolios
from training.quant.universe.panel import BUY, Panel, make_panel

POOL, INDEX, BARS = 120, 40, 1_250
CHANGED, REVIEWED = 2, 20  # names that leave every so many bars: those that lost most in the year before
YEAR = 250
MARKET = 0.01  # deviation of the market's return a day
Floats = NDArray[np.float64]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench members", description=__doc__)
    parser.add_argument("--seeds", type=int, default=40, help="worlds (default 40, about 5 s each)")
    parser.add_argument("--output", type=Path, help="write the JSON here")
    options = parser.parse_args(arguments)
    worlds = [_world(seed) for seed in range(options.seeds)]
    result = {name: _summary([world[name] for world in worlds]) for name in ("each_day", "today_only")}
    result["always_buy_less_equal_weight"] = max(abs(world["always_buy"]) for world in worlds)
    text = json.dumps({"worlds": options.seeds, **result}, indent=1)
    if options.output:
        options.output.write_text(text + "\n")
    print(text)
    return 0


def _world(seed: int) -> dict[str, Any]:
    pool = universe(POOL, BARS, seed=seed, market=MARKET)
    membership = index_membership(pool, seed=seed)
    today = [symbol for symbol, stretches in membership.items() if stretches[-1].end is None]
    each_day = _panel(pool, list(membership), membership)
    return {
        "each_day": _figures(each_day),
        "today_only": _figures(_panel(pool, today, {})),
        "always_buy": _always_buy(each_day),
    }


def index_membership(pool: Universe, *, seed: int) -> dict[str, Stretches]:
    """An index of the pool: every REVIEWED bars the CHANGED members that lost most in the year before leave, and others
    take their places, drawn by lot."""
    rng, symbols = np.random.default_rng(seed), list(pool.members)
    days = pool.members[symbols[0]].time // 86_400
    closes = np.column_stack([bars.close for bars in pool.members.values()])
    inside: dict[int, int | None] = dict.fromkeys(range(INDEX))
    stretches: dict[int, list[Stretch]] = {}
    for bar in range(YEAR, BARS, REVIEWED):
        lost = sorted(inside, key=lambda name: closes[bar, name] / closes[bar - YEAR, name])[:CHANGED]
        for name in lost:
            start = inside.pop(name)
            stretches.setdefault(name, []).append(Stretch(start, int(days[bar])))
        outside = [name for name in range(POOL) if name not in inside and name not in lost]
        inside |= dict.fromkeys(rng.choice(outside, CHANGED, replace=False).tolist(), int(days[bar]) + 1)
    for name, start in inside.items():
        stretches.setdefault(name, []).append(Stretch(start, None))
    return {symbols[name]: tuple(own) for name, own in sorted(stretches.items())}


def _panel(pool: Universe, symbols: Sequence[str], membership: Mapping[str, Stretches]) -> Panel:
    bars = [pool.members[symbol] for symbol in symbols]
    rows = list(zip(symbols, bars, daily_features(bars), strict=True))
    return make_panel(rows, horizons=HORIZONS, first_day=0, membership=membership)


def _figures(panel: Panel) -> dict[str, float]:
    """Of the walk of the recipe `honest` that judges a run, its BUYs the highest fifth of each day."""
    walk, _, folds = _honest(panel)
    rows, scores = _said(folds)
    order = np.argsort(np.argsort(panel.symbols, kind="stable"), kind="stable")
    is_known = panel.own.has_outcome[rows]
    bought = labels_by_fifths(panel.day[rows], scores, order[panel.instrument[rows]]) == BUY
    known = rows[is_known]
    is_hit = panel.own.returns[known] >= WALK.spec.buy_threshold
    buys = buy_figures(panel.day[known], bought[is_known], is_hit, horizon=HORIZON)
    whole = _between_days(panel, rows)
    held = simulate_portfolios(panel, whole, np.zeros(len(whole), dtype=np.int64), horizon=HORIZON).equal_weight
    return {
        "lift": buys["lift"],
        "rank_ic": walk.rank_ic,
        "p_value": walk.p_value,
        "equal_weight_a_year": float((1.0 + held.total_return) ** (252 / len(held.returns)) - 1.0),
    }


def _between_days(panel: Panel, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.flatnonzero((panel.day >= panel.day[rows].min()) & (panel.day <= panel.day[rows].max()))


def _always_buy(panel: Panel) -> float:
    """What buying every row earns in all beyond equal weight of the day's members, held a day as that is."""
    rows = np.arange(len(panel.day))
    made = simulate_portfolios(panel, rows, np.ones(len(rows), dtype=np.int64), horizon=1)
    return made.long_only.total_return - made.equal_weight.total_return


def _summary(walks: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Means with the standard error of each, and how many walks had p < 0.05."""

    def mean(name: str) -> list[float]:
        values = np.array([walk[name] for walk in walks])
        return [round(float(values.mean()), 5), round(float(values.std(ddof=1) / np.sqrt(len(values))), 5)]

    found = sum(walk["p_value"] < 0.05 for walk in walks)
    return {name: mean(name) for name in ("lift", "rank_ic", "equal_weight_a_year")} | {"p_below_0.05": found}
