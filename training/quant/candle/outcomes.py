"""What a row of a candle run is asked to predict, and what following it earns: by when its decision is taken.

`close`: at the close of bar t; from that close to the next. `next_open`: at the open of bar t+1, which the feature
`raw_o_next` then knows; from that open to the same bar's close.
"""

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from training.quant.candle.spec import COST_BP, CandleSpec
from training.quant.labels import session_label, up_label
from training.quant.stats.backtest import Performance, simulate, simulate_sessions

Floats = NDArray[np.float64]


def candle_label(bars: Bars, spec: CandleSpec) -> Floats:
    """1.0 where the price that a row speaks of rises, else 0.0, of adjusted `bars`, shape (n,); NaN where there is no
    outcome: it is not known, or the price did not move."""
    if spec.decision == "next_open":
        return session_label(bars.open, bars.close)
    return up_label(bars.close, keep_unmoved=spec.by_first_rule)


def follow(signals: Floats, bars: Bars, *, decision: str, bars_a_year: float) -> Performance:
    """Long where `signals` (T,), decided at bars 0 … T-1, are 1, flat where 0, after costs. `bars`: T+1, adjusted."""
    simulated = simulate_sessions if decision == "next_open" else simulate
    return simulated(
        weights=signals[:, None],
        open_=bars.open[:, None],
        close=bars.close[:, None],
        cost_bp=COST_BP,
        bars_a_year=bars_a_year,
    )
