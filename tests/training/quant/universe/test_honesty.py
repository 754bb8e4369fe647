"""No signal, no evidence; a planted one is found. A small form of the check on a hundred universes."""

import numpy as np
import pytest

from instruments.quant.bars import Bars
from instruments.quant.features.daily import daily_features
from scripts.benchmarks.markets import market
from training.quant.universe.panel import make_panel
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.train import train_universe

pytestmark = pytest.mark.slow
UNIVERSES = 6
ALARMS = 4  # of 6 at 5 % each: by luck more than 3 are below 0.05 in fewer than 1 of 10,000 sessions


def _p_value(many: list[Bars]) -> float:
    rows = [(f"S{i}", bars, matrix) for i, (bars, matrix) in enumerate(zip(many, daily_features(many), strict=True))]
    panel = make_panel(rows, horizons=(20,), first_day=0)
    found = train_universe(panel, UniverseSpec(refit=False), on_stage=lambda *_: None).test.portfolios.excess.p_value
    return 1.0 if found is None else found


def test_it_finds_nothing_where_there_is_nothing() -> None:
    p_values = [_p_value([market(500, seed=100 * u + i) for i in range(8)]) for u in range(UNIVERSES)]
    assert sum(p < 0.05 for p in p_values) < ALARMS


def _drifting(seed: int) -> Bars:
    """Momentum without mercy: who rises on heavy volume goes on rising for twenty days, who falls, falling."""
    rng = np.random.default_rng(seed)
    bars = market(500, seed=seed)
    drift = np.repeat(rng.choice([-0.01, 0.01], 25), 20)
    lift = np.exp(np.cumsum(drift))
    prices = {name: getattr(bars, name) * lift for name in ("open", "high", "low", "close", "adj_close")}
    volume = bars.volume * np.where(drift > 0, 3.0, 1.0)
    high = np.maximum(np.maximum(prices["open"], prices["close"]), prices["high"])
    return Bars(bars.time, prices["open"], high, prices["low"], prices["close"], volume, prices["adj_close"])


def test_it_finds_what_is_planted() -> None:
    assert _p_value([_drifting(i) for i in range(8)]) < 0.01
