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

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars, Floats, Seconds


@dataclass(frozen=True)
class TimedActions:
    """A series' actions, ascending: `time` (k,) int64, from when on (seconds since 1970) it trades without each;
    `is_split` (k,) bool; `value` (k,) float64, new shares for one old, or cash a share of the ex day. Of one moment a
    split and a dividend at most, the split first: the dividend is of the new shares."""

    time: Seconds
    is_split: NDArray[np.bool_]
    value: Floats

    def __len__(self) -> int:
        return len(self.time)

    def with_split(self, moment: int, ratio: float) -> "TimedActions":
        """And one that there is none of yet."""
        place = int(np.searchsorted(self.time, moment))
        return TimedActions(
            np.insert(self.time, place, moment),
            np.insert(self.is_split, place, True),
            np.insert(self.value, place, ratio),
        )

    def until(self, moment: int) -> "TimedActions":
        """Those before it."""
        return self.where(self.time < moment)

    def where(self, mask: NDArray[np.bool_]) -> "TimedActions":
        """Those for which `mask` (k,) is true."""
        return TimedActions(self.time[mask], self.is_split[mask], self.value[mask])


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
        bounds = np.concatenate(([0], np.searchsorted(bars.time, self.time), [len(bars)]))
        counts = bounds[1:] - bounds[:-1]  # of bars from one action to the next
        has_splits = (self.shares != 1.0).any()
        return replace(
            bars,
            adj_close=bars.close * self.price.repeat(counts),
            volume=bars.volume / self.shares.repeat(counts) if has_splits else bars.volume,
        )

    def until(self, last: int) -> "Adjustment":
        """The same with prices and volumes as traded at the bar of time `last`. For pages alone: it knows the future of
        every bar before."""
        place = int(np.searchsorted(self.time, last, side="right"))
        return Adjustment(self.time, self.price / self.price[place], self.shares / self.shares[place])


def anchored(actions: TimedActions, before: Floats) -> Adjustment:
    """`before` (k,): the close as traded of the last bar before each action, NaN where there is none. Such an action
    has no effect, nor has a dividend of the close or more, which no price can have paid."""
    split = np.where(actions.is_split & ~np.isnan(before), actions.value, 1.0)
    price, shares = np.ones(len(actions) + 1), np.ones(len(actions) + 1)
    np.multiply.accumulate(split, out=shares[1:])
    close = before.copy()  # in shares of the ex day
    close[1:] /= np.where(actions.time[1:] == actions.time[:-1], split[:-1], 1.0)
    is_paid = (actions.value < close) & ~actions.is_split
    np.divide(close, close - actions.value, out=split, where=is_paid)
    np.multiply.accumulate(split, out=price[1:])
    return Adjustment(actions.time, price, shares)


def closes_before(actions: TimedActions, bars: Bars) -> Floats:
    """(k,) as `anchored` takes them, from all bars of the series."""
    place = np.searchsorted(bars.time, actions.time)
    closes = np.full(len(actions), np.nan)
    closes[place > 0] = bars.close[place[place > 0] - 1]
    return closes
