"""Money of following the BUYs: against a slow account by hand, and what must hold whatever the prices."""

import math
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from predictions.quant.money import FollowedTranche, Prices, combine_tranches, follow_tranche

MONDAY = 4  # day number of 1970-01-05


def _prices(days: int, names: int, *, seed: int, holes: float = 0.0) -> Prices:
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.03, (days, names)), axis=0))
    open_ = close * np.exp(rng.normal(0, 0.01, (days, names)))
    spread = 1 + np.abs(rng.normal(0, 0.01, (days, names)))
    columns = [open_, np.maximum(open_, close) * spread, np.minimum(open_, close) / spread, close]
    gone = rng.random((days, names)) < holes
    number = np.arange(days)
    return Prices(MONDAY + number // 5 * 7 + number % 5, *(np.where(gone, np.nan, column) for column in columns))


def _until(prices: Prices, days: int) -> Prices:
    return Prices(*(getattr(prices, field.name)[:days] for field in fields(Prices)))


def slow_tranche(prices: Prices, bought: np.ndarray, horizon: int, cost: float) -> dict[str, Any]:
    """Day by day and instrument by instrument, with plain floats: what lies in cash and what in shares."""
    names = len(bought)
    counted: list[int] = []
    traded_on: list[set[int]] = [set(range(names))]  # on the day of the recommendation, and on each counted one since
    for d in range(len(prices.days)):
        live, there = set().union(*traded_on[-10:]), {i for i in range(names) if prices.close[d][i] > 0}
        if 2 * len(live & there) >= len(live):
            counted.append(d)
            traded_on.append(there)
    counted = counted[:horizon]
    totals = {"advice": [1.0], "equal": [1.0]}
    held = [0.0] * names
    last = [0.0] * names
    for step, day in enumerate(counted):
        for i in range(names):
            if step == 0 and prices.open[day][i] > 0:
                held[i] = (1.0 - cost) / prices.open[day][i]
            for passed in range(counted[step - 1] + 1 if step else day, day + 1):
                if prices.close[passed][i] > 0:
                    last[i] = prices.close[passed][i]
        worth = [
            held[i] * last[i] * (1.0 - cost if step == horizon - 1 else 1.0) if held[i] else 1.0 for i in range(names)
        ]
        totals["equal"].append(sum(worth) / names)
        chosen = [worth[i] for i in range(names) if bought[i]]
        totals["advice"].append(sum(chosen) / len(chosen) if chosen else 1.0)
    return {name: [b / a - 1 for a, b in pairwise(v)] for name, v in totals.items()} | {"worth": worth}


@dataclass(frozen=True)
class Case:
    days: int
    names: int
    horizon: int
    seed: int
    holes: float

    @property
    def prices(self) -> Prices:
        return _prices(self.days, self.names, seed=self.seed, holes=self.holes)

    @property
    def bought(self) -> Any:
        return np.random.default_rng(self.seed).random(self.names) < 0.5

    def follow(self, cost_bp: float = 5.0, until: int | None = None) -> FollowedTranche:
        prices = self.prices if until is None else _until(self.prices, until)
        return follow_tranche(prices, self.bought, horizon=self.horizon, cost_bp=cost_bp)


CASES = st.builds(
    Case, st.integers(1, 30), st.integers(1, 6), st.integers(1, 12), st.integers(0, 9_999), st.sampled_from([0.0, 0.2])
)


@settings(max_examples=60)
@given(case=CASES, cost_bp=st.sampled_from([0.0, 5.0, 40.0]))
def test_it_equals_a_slow_account(case: Case, cost_bp: float) -> None:
    tranche, bought = case.follow(cost_bp), case.bought
    if not len(tranche.days):
        return
    slow = slow_tranche(case.prices, bought, case.horizon, cost_bp / 1e4)
    assert tranche.equal.tolist() == pytest.approx(slow["equal"], abs=1e-12)
    assert np.isnan(tranche.advice).all() == (not bought.any())
    if bought.any():
        assert tranche.advice.tolist() == pytest.approx(slow["advice"], abs=1e-12)
    for position in tranche.positions:
        assert 1 + position.net == pytest.approx(slow["worth"][position.place], abs=1e-12)


@settings(max_examples=60)
@given(case=CASES)
def test_its_equity_is_the_mean_of_its_positions(case: Case) -> None:
    tranche, buys = case.follow(), int(case.bought.sum())
    if not buys or not len(tranche.days):
        return
    in_cash = buys - len(tranche.positions)
    worth = (sum(1 + position.net for position in tranche.positions) + in_cash) / buys
    assert np.prod(1 + tranche.advice) == pytest.approx(worth, abs=1e-12)
    for position in tranche.positions:
        assert position.worst - 1e-12 <= min(0.0, position.gross) and max(0.0, position.gross) <= position.best + 1e-12
        assert position.entry <= position.exit and position.is_open == (len(tranche.days) < case.horizon)


@settings(max_examples=40)
@given(case=CASES)
def test_costs_lower_what_it_comes_to(case: Case) -> None:
    cheap, dear = case.follow(cost_bp=0.0), case.follow(cost_bp=10.0)
    assert np.prod(1 + dear.equal) <= np.prod(1 + cheap.equal)
    for one, other in zip(cheap.positions, dear.positions, strict=True):
        assert one.net == one.gross == other.gross > other.net


@settings(max_examples=60)
@given(case=CASES, seen=st.integers(0, 30))
def test_what_a_day_shows_needs_no_later_bar(case: Case, seen: int) -> None:
    whole, early = case.follow(), case.follow(until=seen)
    days = len(early.days)
    assert early.days.tolist() == whole.days[:days].tolist()
    before_sale = days - early.is_over
    assert early.equal[:before_sale].tolist() == whole.equal[:before_sale].tolist()
    assert np.array_equal(early.advice[:before_sale], whole.advice[:before_sale], equal_nan=True)


def test_it_agrees_with_an_example_worked_by_hand() -> None:
    # Bought at 100, closes at 110 and 121, sold there; the other instrument stays where it is.
    prices = Prices(
        np.array([4, 5]),
        np.array([[100.0, 10.0], [111.0, 10.0]]),
        np.array([[112.0, 10.0], [123.0, 10.0]]),
        np.array([[95.0, 10.0], [109.0, 10.0]]),
        np.array([[110.0, 10.0], [121.0, 10.0]]),
    )
    tranche = follow_tranche(prices, np.array([True, False]), horizon=2, cost_bp=100)
    [position] = tranche.positions
    assert (position.entry, position.exit, position.bars, position.is_open) == (4, 5, 2, False)
    assert position.gross == pytest.approx(0.21)
    assert position.net == pytest.approx(1.21 * 0.99**2 - 1)
    assert (position.worst, position.best) == (pytest.approx(-0.05), pytest.approx(0.23))
    assert tranche.advice.tolist() == pytest.approx([1.1 * 0.99 - 1, 1.1 * 0.99 - 1])
    assert np.prod(1 + tranche.equal) == pytest.approx((1.21 + 1) / 2 * 0.99**2)


def test_what_does_not_trade_at_the_next_open_is_not_bought() -> None:
    prices = _prices(3, 4, seed=1)
    for name in ("open", "high", "low", "close"):
        getattr(prices, name)[0, 2] = np.nan
    tranche = follow_tranche(prices, np.array([False, False, True, False]), horizon=3, cost_bp=5)
    assert tranche.positions == [] and tranche.advice.tolist() == [0.0, 0.0, 0.0]


def _stored(days: list[int], advice: float, equal: float, *, is_over: bool = True) -> tuple[bytes, bool]:
    """The same return on each of its days; NaN: nothing was bought."""
    each = (np.full(len(days), value) for value in (advice, equal))
    return FollowedTranche(np.array(days), is_over, *each, []).as_bytes(), is_over


def test_tranches_share_the_capital() -> None:
    tranches = [_stored([4, 5], 0.10, 0.02), _stored([5, 6], math.nan, 0.04, is_over=False)]
    together = combine_tranches(tranches, shares=4)
    assert together is not None and together.days.tolist() == [4, 5, 6]
    assert together.advice.tolist() == pytest.approx([0.025, 0.025, 0.0])
    assert together.equal.tolist() == pytest.approx([0.005, 0.015, 0.01])
    assert together.exposure.tolist() == pytest.approx([0.25, 0.25, 0.0])
    assert together.equal_exposure.tolist() == pytest.approx([0.25, 0.5, 0.25])
    assert together.traded.tolist() == pytest.approx([0.25, 0.25, 0.0])
    assert together.equal_traded.tolist() == pytest.approx([0.25, 0.5, 0.0])
    at_most = combine_tranches(tranches, shares=None)
    assert at_most is not None and at_most.equal_exposure.max() == 1.0


def test_days_between_tranches_are_in_cash_and_holidays_within_them_are_no_days() -> None:
    apart = combine_tranches([_stored([4, 6], 0.1, 0.1), _stored([11, 12], math.nan, 0.1)], shares=None)
    assert apart is not None
    assert apart.days.tolist() == [4, 6, 11, 12]  # on Thursday and Friday, 7 and 8, nothing ever traded
    assert combine_tranches([_stored([], 0.1, 0.1)], shares=None) is None
    weeks = combine_tranches([_stored([4, 5, 6, 7, 8], 0.1, 0.1), _stored([18], math.nan, 0.1)], shares=None)
    assert weeks is not None and weeks.days.tolist() == [4, 5, 6, 7, 8, 11, 12, 13, 14, 15, 18]
    assert weeks.equal_exposure[5:10].tolist() == [0.0] * 5
