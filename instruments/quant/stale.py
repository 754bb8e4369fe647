"""Stale bars: bars that only carry the price before them forward. PROTOCOL §1: they are no candles.

Why: a market of random moves whose weekends are filled forward shows "skill" (AUC 0.6), because the model learns to
tell a filled bar, after which the close does not rise, from a traded one.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars

Mask = NDArray[np.bool_]
Counts = tuple[int, int]  # (bars, bars with volume)


def stale_mask(bars: Bars, *, counts_before: Callable[[], Counts] = lambda: (0, 0)) -> Mask:
    """(n,) bool: which of `bars` (prices as stored, ascending) are stale, judged by each bar and earlier ones only.

    A bar is stale where open, high, low and close all equal the close before; or where OHLC and volume all equal the
    bar before; or where volume is 0 and the close unmoved, while at least half of the series' bars up to it have
    volume. The first of `bars` has nothing before it and is none. `counts_before`: counts of the series' bars before
    the first of `bars`; asked only where the last case has to be decided.
    """
    stale = np.zeros(len(bars), dtype=np.bool_)
    # Each of the three leaves the close where it was, so only those few bars are looked at.
    at = (bars.close[1:] == bars.close[:-1]).nonzero()[0] + 1  # np.flatnonzero takes as long again
    if not len(at):
        return stale
    before = at - 1
    close = bars.close[at]
    is_flat = (bars.open[at] == close) & (bars.high[at] == close) & (bars.low[at] == close)
    is_repeat = (
        (bars.open[at] == bars.open[before])
        & (bars.high[at] == bars.high[before])
        & (bars.low[at] == bars.low[before])
        & (bars.volume[at] == bars.volume[before])
    )
    stale[at] = is_flat | is_repeat
    untraded = at[(bars.volume[at] == 0.0) & ~stale[at]]
    if len(untraded):
        earlier, earlier_with_volume = counts_before()
        with_volume = earlier_with_volume + np.cumsum(bars.volume > 0.0)[untraded]
        stale[untraded] = 2 * with_volume >= earlier + untraded + 1
    return stale
