"""Prices over splits and dividends: a later action changes no earlier number, and a return is the holder's own."""

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.quant.actions import DIVIDEND, SPLIT
from instruments.quant.bars import Bars
from instruments.quant.calendars import DAY, day_begins, session_days
from instruments.quant.features.candle import feature_matrix
from instruments.quant.features.daily import daily_features
from instruments.quant.point_in_time import Adjustment, TimedActions, anchored, closes_before
from tests.training.quant.noise import noise_bars

RATIOS = (4.0, 2.0, 1.5, 0.1, 7.0)


@dataclass(frozen=True)
class TimedAction:
    time: int
    kind: str
    value: float

    @property
    def order(self) -> tuple[int, bool]:
        return self.time, self.kind != SPLIT


def adjustment(actions: list[TimedAction], bars: Bars) -> Adjustment:
    ordered = sorted(actions, key=lambda action: action.order)
    columns = TimedActions(
        np.array([action.time for action in ordered], dtype=np.int64),
        np.array([action.kind == SPLIT for action in ordered], dtype=np.bool_),
        np.array([action.value for action in ordered], dtype=np.float64),
    )
    return anchored(columns, closes_before(columns, bars))


def slow_factors(actions: list[TimedAction], bars: Bars) -> tuple[list[float], list[float]]:
    """Of prices and of shares at each bar, one action after the other."""
    prices, shares = [], []
    price = share = 1.0
    due = sorted(actions, key=lambda action: action.order)
    for i, time in enumerate(bars.time.tolist()):
        day, ratio = None, 1.0  # a split of the day that is looked at
        while due and due[0].time <= time:
            action = due.pop(0)
            close = float(bars.close[i - 1]) if i else math.nan
            ratio, day = ratio if action.time == day else 1.0, action.time
            if action.kind == SPLIT:
                ratio = 1.0 if math.isnan(close) else action.value
                price, share = price * ratio, share * ratio
            elif action.value < close / ratio:
                price *= close / ratio / (close / ratio - action.value)
        prices.append(price)
        shares.append(share)
    return prices, shares


def split(time: int, ratio: float) -> TimedAction:
    return TimedAction(int(time), SPLIT, ratio)


def dividend(time: int, amount: float) -> TimedAction:
    return TimedAction(int(time), DIVIDEND, amount)


def as_traded(bars: Bars, actions: list[TimedAction]) -> Bars:
    """What `bars`, of a market without any action, would have been traded at with these: an independent way there, bar
    by bar. Only splits, and dividends that the price falls by."""
    shares, splits, columns = (
        1.0,
        1.0,
        {name: getattr(bars, name).copy() for name in ("open", "high", "low", "close", "volume")},
    )
    due = sorted(actions, key=lambda action: action.order)
    for i, time in enumerate(bars.time.tolist()):
        while due and due[0].time <= time:
            action = due.pop(0)
            if i == 0:
                continue
            if action.kind == SPLIT:
                shares *= action.value
                splits *= action.value
            else:
                before = bars.close[i - 1] / shares
                shares *= before / (before - action.value)
        for name in ("open", "high", "low", "close"):
            columns[name][i] /= shares
        columns["volume"][i] *= splits
    return replace(bars, **columns, adj_close=columns["close"])


def same_bits(one: Bars, other: Bars) -> bool:
    return all(getattr(one, field.name).tobytes() == getattr(other, field.name).tobytes() for field in fields(Bars))


@st.composite
def series_with_actions(draw: st.DrawFn) -> tuple[Bars, list[TimedAction]]:
    count = draw(st.integers(2, 60))
    bars = noise_bars(count, seed=draw(st.integers(0, 50)))
    days = draw(st.lists(st.integers(-3, count + 3), max_size=8, unique=True))
    actions = []
    for day in days:
        time = int(bars.time[0]) + day * DAY
        is_split = draw(st.booleans())
        value = draw(st.sampled_from(RATIOS)) if is_split else float(bars.close.min()) * draw(st.floats(0.001, 0.5))
        actions.append(split(time, value) if is_split else dividend(time, value))
    return bars, actions


@given(series_with_actions(), st.data())
def test_factors_are_those_of_a_slow_account_to_the_bit(
    case: tuple[Bars, list[TimedAction]], data: st.DataObject
) -> None:
    bars, actions = case
    for action in data.draw(st.lists(st.sampled_from(actions), unique=True) if actions else st.just([])):
        both = [other.kind for other in actions if other.time == action.time]
        actions += [dividend(action.time, 0.3)] if both == [SPLIT] else [split(action.time, 3.0)] * (both == [DIVIDEND])
    prices, shares = slow_factors(actions, bars)
    restated = adjustment(actions, bars).restate(bars)
    assert restated.adj_close.tolist() == (bars.close * np.array(prices)).tolist()
    assert restated.volume.tolist() == (bars.volume / np.array(shares)).tolist()


@given(series_with_actions(), st.data())
def test_a_later_action_changes_no_earlier_number(case: tuple[Bars, list[TimedAction]], data: st.DataObject) -> None:
    bars, actions = case
    last = data.draw(st.integers(0, len(bars) - 1))
    until = [action for action in actions if action.time <= bars.time[last]]
    seen = bars.slice(0, last + 1)
    whole = adjustment(actions, bars).restate(bars).adjusted()
    assert same_bits(adjustment(until, seen).restate(seen).adjusted(), whole.slice(0, last + 1))


@given(series_with_actions(), st.data())
def test_a_slice_is_a_slice_of_the_whole(case: tuple[Bars, list[TimedAction]], data: st.DataObject) -> None:
    bars, actions = case
    first = data.draw(st.integers(0, len(bars)))
    stop = data.draw(st.integers(first, len(bars)))
    own = adjustment(actions, bars)
    assert same_bits(own.restate(bars.slice(first, stop)), own.restate(bars).slice(first, stop))
    assert same_bits(own.restate(bars.slice(first, stop)).adjusted(), own.restate(bars).adjusted().slice(first, stop))


@given(series_with_actions(), st.data())
def test_a_ratio_depends_on_the_actions_between_alone(
    case: tuple[Bars, list[TimedAction]], data: st.DataObject
) -> None:
    bars, actions = case
    first = data.draw(st.integers(0, len(bars) - 1))
    between = [action for action in actions if action.time > bars.time[first]]
    cut = bars.slice(first, len(bars))
    alone, among = adjustment(between, bars).restate(cut).adjusted(), adjustment(actions, bars).restate(cut).adjusted()
    assert among.close / among.close[0] == pytest.approx(alone.close / alone.close[0], rel=1e-12)
    assert among.volume / among.volume.max(initial=1) == pytest.approx(
        alone.volume / alone.volume.max(initial=1), rel=1e-9
    )


@given(series_with_actions())
def test_prices_stay_in_order_and_brought_to_the_last_bar_end_as_traded(case: tuple[Bars, list[TimedAction]]) -> None:
    bars, actions = case
    own = adjustment(actions, bars)
    adjusted = own.restate(bars).adjusted()
    assert (adjusted.low <= np.minimum(adjusted.open, adjusted.close)).all()
    assert (adjusted.high >= np.maximum(adjusted.open, adjusted.close)).all()
    last = own.until(int(bars.time[-1])).restate(bars)
    assert last.adj_close[-1] == bars.close[-1] and last.volume[-1] == bars.volume[-1]
    assert last.adj_close / last.adj_close[0] == pytest.approx(adjusted.close / adjusted.close[0], rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(series_with_actions())
def test_a_market_with_actions_gives_the_features_of_the_same_market_without(
    case: tuple[Bars, list[TimedAction]],
) -> None:
    _, actions = case
    clean = noise_bars(320, seed=9)
    moved = [replace(action, time=int(clean.time[0]) + 5 * (action.time - int(clean.time[0]))) for action in actions]
    moved = [
        action if action.kind == SPLIT else replace(action, value=float(clean.close.min()) / 1e4) for action in moved
    ]
    traded = as_traded(clean, moved)
    read = adjustment(moved, traded).restate(traded).adjusted()
    assert feature_matrix(read, name="shape+returns+volume+distance+volatility+ma5", timeframe="1d") == pytest.approx(
        feature_matrix(clean, name="shape+returns+volume+distance+volatility+ma5", timeframe="1d"),
        rel=1e-6,
        abs=1e-8,
        nan_ok=True,
    )
    (ours,), (theirs,) = daily_features([read]), daily_features([clean])
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-8, nan_ok=True)


def test_a_return_over_a_split_and_a_dividend_is_the_holders_total_return() -> None:
    """Ten shares: 4:1 makes forty; each is paid 0.50 a share, which buys more at the price without it."""
    close = np.array([100.0, 102.0, 26.0, 25.0, 27.0])
    bars = Bars(np.arange(5) * DAY, close, close, close, close, np.array([10.0, 10.0, 40.0, 40.0, 40.0]), close)
    actions = [split(2 * DAY, 4.0), dividend(3 * DAY, 0.50)]
    read = adjustment(actions, bars).restate(bars).adjusted()
    shares = 10.0 * 4
    shares += shares * 0.50 / (26.0 - 0.50)
    assert read.close[-1] / read.close[0] == pytest.approx(shares * 27.0 / (10.0 * 100.0), rel=1e-14)
    assert read.close[2] / read.close[1] == pytest.approx(26.0 * 4 / 102.0, rel=1e-14)  # no fall by three quarters
    assert read.volume.tolist() == [10.0] * 5
    assert read.close[:2].tolist() == [100.0, 102.0]


def test_a_dividend_of_the_day_of_a_split_is_of_new_shares() -> None:
    close = np.array([100.0, 49.0])
    bars = Bars(np.arange(2) * DAY, close, close, close, close, np.ones(2), close)
    read = adjustment([dividend(DAY, 1.0), split(DAY, 2.0)], bars).restate(bars).adjusted()
    assert read.close[1] / read.close[0] == pytest.approx(1.0, rel=1e-14)  # two shares at 50 - 1


def test_an_action_before_the_first_bar_and_a_dividend_above_the_price_change_nothing() -> None:
    bars = noise_bars(30)
    nothing = [split(int(bars.time[0]), 4.0), dividend(int(bars.time[0]) - DAY, 1.0), dividend(bars.time[9], 1e6)]
    assert same_bits(adjustment(nothing, bars).restate(bars), replace(bars, adj_close=bars.close))


@given(st.integers(3_000, 20_000), st.sampled_from(["XNYS", "XASX", "XTKS", "FX", "24/7", ""]))
def test_a_day_begins_where_its_bars_do(day: int, calendar: str) -> None:
    begins = day_begins(day, "1h", calendar)
    hours = np.arange(begins + 4 * 3600, begins + 20 * 3600, 3600)
    assert (session_days(hours, "1h", calendar) == day).all()
    assert session_days(np.array([begins - 4 * 3600]), "1h", calendar)[0] == day - 1
