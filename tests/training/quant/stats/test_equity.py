"""Drawdowns, months, rolling Sharpe and trades against slow accounts of the same."""

import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.quant.stats.backtest import performance, simulate
from training.quant.stats.equity import (
    WINDOW,
    equity_of,
    mean_interval_a_year,
    monthly_returns,
    returns_of,
    rolling_sharpe,
    sharpe_interval,
    trades_of,
    worst_drawdowns,
)


def _returns(days: int, seed: int, spread: float = 0.02) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0003, spread, days)


def slow_drawdowns(equity: list[float]) -> list[tuple[int, int, int | None, float]]:
    """Step by step: the last peak, the lowest since, and when that was over."""
    falls: list[tuple[int, int, int | None, float]] = []
    peak, trough = 0, 0
    for step, value in enumerate(equity):
        if value >= equity[peak]:
            if trough > peak:
                falls.append((peak, trough, step, equity[trough] / equity[peak] - 1))
            peak = trough = step
        elif trough == peak or value < equity[trough]:
            trough = step
    if trough > peak:
        falls.append((peak, trough, None, equity[trough] / equity[peak] - 1))
    return falls


@settings(max_examples=60)
@given(days=st.integers(1, 200), seed=st.integers(0, 9_999))
def test_its_drawdowns_are_those_of_a_slow_account(days: int, seed: int) -> None:
    returns = _returns(days, seed)
    equity = equity_of(returns)
    expected = sorted(slow_drawdowns(equity.tolist()), key=lambda fall: fall[3])
    falls = worst_drawdowns(equity, most=days)
    assert [(fall.peak, fall.trough, fall.recovered) for fall in falls] == [fall[:3] for fall in expected]
    assert [fall.depth for fall in falls] == pytest.approx([fall[3] for fall in expected])
    assert worst_drawdowns(equity) == falls[:5]
    deepest = performance(returns, traded=returns, net=returns, bars_a_year=252).max_drawdown
    assert (falls[0].depth if falls else 0.0) == pytest.approx(deepest)


def test_a_plateau_begins_its_fall_at_its_end() -> None:
    [fall] = worst_drawdowns(np.array([1.0, 1.2, 1.2, 0.6, 0.9]))
    assert (fall.peak, fall.trough, fall.recovered, fall.depth) == (2, 3, None, pytest.approx(-0.5))
    assert worst_drawdowns(np.array([1.0, 1.1, 1.2])) == [] and worst_drawdowns(np.array([1.0])) == []


@settings(max_examples=40)
@given(days=st.integers(0, 400), seed=st.integers(0, 9_999), start=st.integers(0, 20_000))
def test_its_months_compound_to_the_whole(days: int, seed: int, start: int) -> None:
    returns, numbers = _returns(days, seed), start + np.arange(days)
    months = monthly_returns(numbers, returns)
    assert math.prod(1 + month.total_return for month in months) == pytest.approx(float(equity_of(returns)[-1]))
    slow: dict[date, list[float]] = {}
    for number, earned in zip(numbers.tolist(), returns.tolist(), strict=True):
        slow.setdefault((date(1970, 1, 1) + timedelta(days=number)).replace(day=1), []).append(earned)
    assert [date(1970, 1, 1) + timedelta(days=month.first) for month in months] == list(slow)
    assert [month.days for month in months] == [len(earned) for earned in slow.values()]


@settings(max_examples=30)
@given(days=st.integers(1, 200), seed=st.integers(0, 9_999))
def test_the_rolling_sharpe_looks_at_its_window_alone(days: int, seed: int) -> None:
    returns = _returns(days, seed)
    rolled = rolling_sharpe(returns, bars_a_year=252)
    for step in range(days):
        if step < WINDOW - 1:
            assert math.isnan(rolled[step])
        else:
            part = returns[step - WINDOW + 1 : step + 1].tolist()
            mean = sum(part) / WINDOW
            spread = math.sqrt(sum((r - mean) ** 2 for r in part) / (WINDOW - 1))
            assert rolled[step] == pytest.approx(mean / spread * math.sqrt(252))
    changed = np.append(returns, [0.5, -0.5])
    assert np.array_equal(rolling_sharpe(changed, bars_a_year=252)[:days], rolled, equal_nan=True)
    assert np.isnan(rolling_sharpe(np.zeros(100), bars_a_year=252)).all()


def test_few_days_have_no_interval() -> None:
    few, many = _returns(WINDOW - 1, 1), _returns(WINDOW, 1)
    assert sharpe_interval(few, bars_a_year=252) is None and mean_interval_a_year(few, bars_a_year=252) is None
    assert sharpe_interval(np.zeros(100), bars_a_year=252) is None
    sharpe, low, high = sharpe_interval(many, bars_a_year=252) or (0, 0, 0)
    assert sharpe == performance(many, traded=many, net=many, bars_a_year=252).sharpe and low < sharpe < high
    mean, low, high = mean_interval_a_year(many, bars_a_year=252) or (0, 0, 0)
    assert mean == pytest.approx(float(many.mean()) * 252) and low < mean < high


@pytest.mark.slow
def test_its_intervals_hold_the_truth_as_often_as_they_say() -> None:
    covered, draws, true = np.zeros(2), 1000, 0.0005
    for seed in range(draws):
        returns = true + np.random.default_rng(seed).standard_t(5, 252) * 0.01
        sharpe = true / (0.01 * math.sqrt(5 / 3)) * math.sqrt(252)
        for place, (made, truth) in enumerate(((sharpe_interval, sharpe), (mean_interval_a_year, true * 252))):
            _, low, high = made(returns, bars_a_year=252) or (0, 0, 0)
            covered[place] += low <= truth <= high
    assert ((covered / draws > 0.925) & (covered / draws < 0.975)).all()


@settings(max_examples=40)
@given(days=st.integers(1, 80), seed=st.integers(0, 9_999))
def test_trades_are_what_the_strategy_earned(days: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (days + 1, 1)), axis=0))
    open_ = np.vstack([close[:1], close[:-1]])  # nights without a move: a bar adds up its night and its day
    weights = (rng.random((days, 1)) < 0.5).astype(float)
    returns = simulate(weights=weights, open_=open_, close=close, cost_bp=5, bars_a_year=252).returns
    trades = trades_of(weights[:, 0] == 1, returns)
    whole = math.prod(1 + trade.total_return for trade in trades)
    assert whole == pytest.approx(float(equity_of(returns)[-1]))
    for trade in trades:
        sold = close[-1, 0] if trade.is_open else open_[trade.last + 1, 0]
        gross = sold / open_[trade.first + 1, 0] - 1
        assert trade.total_return == pytest.approx(gross, abs=0.0012 * (1 + abs(gross)))
        assert trade.worst <= min(0.0, trade.total_return) <= max(0.0, trade.total_return) <= trade.best


def test_returns_and_equity_are_each_other() -> None:
    returns = _returns(30, 3)
    assert returns_of(equity_of(returns)).tolist() == pytest.approx(returns.tolist())
