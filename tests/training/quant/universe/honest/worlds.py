"""Small universes for the recipe's tests: ragged ones, and one where who rose goes on rising."""

import numpy as np

from instruments.quant.bars import Bars
from tests.training.quant.noise import noise_bars
from tests.training.quant.universe.ragged import panel_of, without
from training.quant.universe.panel import Panel

H, SHORT = 8, 2


def members(names: int = 24, bars: int = 330) -> dict[str, Bars]:
    """Late listings, early ends and a hole among them."""
    all_bars = {f"S{j:02}": noise_bars(bars, seed=j + 1, volatility=0.01 + 0.001 * j) for j in range(names)}
    all_bars["S03"] = all_bars["S03"].slice(150, bars)
    all_bars["S05"] = all_bars["S05"].slice(0, 200)
    all_bars["S07"] = without(all_bars["S07"], slice(180, 184))
    return all_bars


def panel(names: int = 24, bars: int = 330) -> Panel:
    return panel_of(members(names, bars), H, SHORT)


def drifting_panel(names: int = 24, bars: int = 330) -> Panel:
    """Each name's drift lasts for 30 bars."""

    def drifting(j: int) -> Bars:
        plain, rng = noise_bars(bars, seed=j + 1, volatility=0.01), np.random.default_rng(j)
        lift = np.exp(np.cumsum(np.repeat(rng.normal(0, 0.006, bars // 30 + 1), 30)[:bars]))
        prices = {name: getattr(plain, name) * lift for name in ("open", "high", "low", "close", "adj_close")}
        return Bars(time=plain.time, volume=plain.volume, **prices)

    return panel_of({f"S{j:02}": drifting(j) for j in range(names)}, H, SHORT)
