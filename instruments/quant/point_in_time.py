"""Prices as traded made comparable over splits and dividends, without ever changing an earlier number.

The factor at a bar is the product over the actions whose ex day has come by then, and 1 at the first bar: f_t = product
of m_a over actions a with ex_a <= t. Of a split, r new shares for one old, m = r; of a dividend D after the close C (of
the last bar before its ex day, in shares of the ex day) m = 1 / (1 - D / C): what Yahoo multiplies the prices before by
(https://help.yahoo.com/kb/SLN28256.html), the other way round. So close x factor is what one share of the first bar
has become, its dividends put back in at the price without them.

Vendors run the factor backwards: every action rewrites all that was before it. Run forwards, a later action changes
nothing before its ex day, to the last bit, and the ratio of two bars depends on the actions between them alone. So one
array serves the features of every decision, the rows it is fitted on, and every outcome. The level means nothing to
people: pages show prices as traded, or brought back to the last bar (`Adjustment.until`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np

from instruments.quant.actions import SPLIT
from instruments.quant.bars import Bars, Floats, Seconds


@dataclass(frozen=True)
class TimedAction:
    """An action and the moment (seconds since 1970) from which its series trades without it. `value`: new shares for
    one old, or cash a share of the ex day."""

    time: int
    kind: str
    value: float

    @property
    def order(self) -> tuple[int, bool]:
        """By time; a dividend is of shares of its ex day, so after a split of that day."""
        return self.time, self.kind != SPLIT


@dataclass(frozen=True)
class Adjustment:
    """The factor from action to action: `price` and `shares` (splits alone), both (k + 1,), before the first of the k
    moments `time` (ascending) and from each of them on."""

    time: Seconds
    price: Floats
    shares: Floats

    def factor(self, time: int) -> float:
        """What a price as traded at `time` is multiplied by."""
        return float(self.price[np.searchsorted(self.time, time, side="right")])

    def restate(self, bars: Bars) -> Bars:
        """`bars` of the series, prices as traded, with adj_close = close x factor, which `Bars.adjusted` goes by, and
        volume in shares of the first bar. Each bar by itself: a slice restated is a slice of the whole restated."""
        if not len(self.time):
            return replace(bars, adj_close=bars.close)
        place = np.searchsorted(self.time, bars.time, side="right")
        has_splits = (self.shares != 1.0).any()
        return replace(
            bars,
            adj_close=bars.close * self.price[place],
            volume=bars.volume / self.shares[place] if has_splits else bars.volume,
        )

    def until(self, last: int) -> "Adjustment":
        """The same with prices and volumes as traded at the bar of time `last`. For pages alone: it knows the future of
        every bar before."""
        place = int(np.searchsorted(self.time, last, side="right"))
        return Adjustment(self.time, self.price / self.price[place], self.shares / self.shares[place])


def anchored(actions: Sequence[TimedAction], before: Floats) -> Adjustment:
    """`actions` in their `order`; `before` (k,): the close as traded of the last bar before each, NaN where there is
    none. Such an action has no effect, nor has a dividend of the close or more, which no price can have paid."""
    price, shares = [1.0], [1.0]
    split, day = 1.0, None  # a split on the day that is looked at
    for action, close in zip(actions, before.tolist(), strict=True):
        split, day = split if action.time == day else 1.0, action.time
        m = 1.0
        if action.kind != SPLIT:
            value = close / split
            m = value / (value - action.value) if action.value < value else 1.0
        elif not isnan(close):
            m = split = action.value
        price.append(price[-1] * m)
        shares.append(shares[-1] * (m if action.kind == SPLIT else 1.0))
    time = np.array([action.time for action in actions], dtype=np.int64)
    return Adjustment(time, np.array(price), np.array(shares))


def closes_before(actions: Sequence[TimedAction], bars: Bars) -> Floats:
    """(k,) as `anchored` takes them, from all bars of the series."""
    place = np.searchsorted(bars.time, np.array([action.time for action in actions], dtype=np.int64)) - 1
    closes = np.full(len(actions), np.nan)
    closes[place >= 0] = bars.close[place[place >= 0]]
    return closes
