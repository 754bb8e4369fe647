"""A universe as they come: late listings, early ends, holes, a suspension, weekends that one stock's file fills."""

from collections.abc import Mapping

import numpy as np

from instruments.quant.bars import Bars
from instruments.quant.features.daily import daily_features
from instruments.quant.membership import Stretches
from tests.training.quant.noise import DAY, noise_bars
from training.quant.universe.panel import Panel, make_panel


def panel_of(members: dict[str, Bars], *horizons: int, membership: Mapping[str, Stretches] | None = None) -> Panel:
    features = daily_features(list(members.values()))
    rows = [(symbol, bars, matrix) for (symbol, bars), matrix in zip(members.items(), features, strict=True)]
    return make_panel(rows, horizons=horizons, first_day=0, membership=membership or {})


def without(bars: Bars, gone: slice) -> Bars:
    return Bars(*(np.delete(column, gone) for column in vars(bars).values()))


def with_weekends(bars: Bars, *, seed: int) -> Bars:
    """The same, and on each Saturday and Sunday a bar near Friday's."""
    rng, extra = np.random.default_rng(seed), []
    friday = np.flatnonzero(bars.time // DAY % 7 == 1)  # day 0 was a Thursday
    for later in (1, 2):
        nudge = 1 + rng.normal(0, 1e-3, len(friday))
        columns = {name: getattr(bars, name)[friday] * nudge for name in ("open", "high", "low", "close", "adj_close")}
        extra.append({**columns, "time": bars.time[friday] + later * DAY, "volume": bars.volume[friday]})
    joined = {name: np.concatenate([getattr(bars, name), *(each[name] for each in extra)]) for name in vars(bars)}
    order = np.argsort(joined["time"])
    return Bars(**{name: column[order] for name, column in joined.items()})


def ragged(days: int = 260) -> dict[str, Bars]:
    """ENDS stops before the last days do, GOES right before them; REST pauses for longer than it is waited for."""
    plain = {name: noise_bars(days, seed=seed) for seed, name in enumerate(("AAA", "BBB", "CCC", "DDD"), start=1)}
    return {
        **plain,
        "LATE": noise_bars(days, seed=5).slice(70, days),
        "HOLE": without(noise_bars(days, seed=6), slice(150, 154)),
        "REST": without(noise_bars(days, seed=7), slice(160, 200)),
        "ENDS": noise_bars(days, seed=8).slice(0, days - 60),
        "GOES": noise_bars(days, seed=9).slice(0, days - 7),
        "WEEK": with_weekends(noise_bars(days, seed=10), seed=10),
    }
