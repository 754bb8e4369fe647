"""Positions of a walk-forward: each BUY and SELL from entry to exit, by the convention of its portfolio."""

import numpy as np
from numpy.typing import NDArray

from training.quant.candle.spec import COST_BP
from training.quant.universe.panel import Ints, Panel

# As stored. `as_of` (the signal's), `entry` and `exit` are day numbers since 1970, `symbol` counts the panel's,
# `side` is 1 of a BUY and -1 of a SELL, `bars` the closes held. Returns are fractions of the price at the entry, a fall
# counting for a SELL: `gross` before the `cost`, `worst` and `best` those of the closes held and of the exit.
# `is_open`: still held at the panel's last close, which then stands for the exit.
POSITION = np.dtype(
    [
        *(("as_of", "<i4"), ("entry", "<i4"), ("exit", "<i4"), ("symbol", "<u4"), ("bars", "<u2")),
        *(("side", "i1"), ("is_open", "?"), ("gross", "<f4"), ("cost", "<f4"), ("worst", "<f4"), ("best", "<f4")),
    ]
)
Positions = NDArray[np.void]  # (n,) of POSITION


def positions_of(panel: Panel, rows: Ints, signals: Ints, *, horizon: int) -> Positions:
    """PROTOCOL §4, a position at a time: `signals` (n,) of -1, 0, 1 for `rows` become positions by day and instrument.

    What is decided on day d is traded at the open of d+1, held `horizon` sessions of the panel, and traded back at the
    open of the day after them; days are the panel's, and an instrument without a bar has its carried price, as in the
    portfolio. COST_BP a side, so an open position has paid once. A signal on the panel's last day is never traded.
    """
    is_traded = (signals != 0) & (panel.day[rows] + 1 < len(panel.days))
    rows, side = rows[is_traded], signals[is_traded]
    order = np.lexsort((panel.instrument[rows], panel.day[rows]))
    rows, side = rows[order], side[order]
    instrument, entry = panel.instrument[rows], panel.day[rows] + 1
    last = len(panel.days) - 1
    is_open = entry + horizon > last
    exit_ = np.minimum(entry + horizon, last)
    bought = panel.open[entry, instrument]
    sold = np.where(is_open, panel.close[last, instrument], panel.open[exit_, instrument])
    gross = side * (sold / bought - 1.0)
    worst, best = gross.copy(), gross.copy()
    for held in range(horizon):
        close = panel.close[np.minimum(entry + held, last), instrument]  # of the last one again where there is none
        against = side * (close / bought - 1.0)
        np.minimum(worst, against, out=worst)
        np.maximum(best, against, out=best)
    positions = np.empty(len(rows), dtype=POSITION)
    positions["as_of"], positions["entry"], positions["exit"] = (panel.days[p] for p in (entry - 1, entry, exit_))
    positions["symbol"], positions["side"], positions["is_open"] = instrument, side, is_open
    positions["bars"] = np.where(is_open, last - entry + 1, horizon)
    positions["gross"], positions["worst"], positions["best"] = gross, worst, best
    positions["cost"] = COST_BP / 1e4 * np.where(is_open, 1, 2)
    return positions
