"""Profit and loss against an example worked by hand and an independent, slow, step-by-step account."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.quant.calendars import TradingYear
from scripts.benchmarks.slow_account import slow_account, slow_performance, slow_tranches
from tests.training.quant.noise import noise_bars, weekdays
from training.quant.stats.backtest import bars_a_year, simulate, tranche_weights


@settings(max_examples=40)
@given(
    steps=st.integers(2, 60), names=st.integers(1, 4), seed=st.integers(0, 999), cost=st.sampled_from([0.0, 5.0, 30.0])
)
def test_it_equals_a_slow_account(steps: int, names: int, seed: int, cost: float) -> None:
    rng = np.random.default_rng(seed)
    bars = [noise_bars(steps + 1, seed=seed + k) for k in range(names)]
    open_, close = np.column_stack([b.open for b in bars]), np.column_stack([b.close for b in bars])
    weights = rng.choice([-1.0, 0.0, 0.5, 1.0], size=(steps, names)) / names
    found = simulate(weights=weights, open_=open_, close=close, cost_bp=cost, bars_a_year=252)
    returns, _ = slow_account(weights, open_, close, cost)
    slow = slow_performance(weights, open_, close, cost, 252.0)
    assert found.returns.tolist() == pytest.approx(returns, abs=1e-12)
    for name in ("max_drawdown", "total_return", "turnover"):
        assert getattr(found, name) == pytest.approx(slow[name], abs=1e-9)
    assert found.sharpe == (slow["sharpe"] and pytest.approx(slow["sharpe"], rel=1e-9))


def test_it_agrees_with_an_example_worked_by_hand() -> None:
    # Long at the first decision, flat at the second: bought at the open of 100, sold at the open of 121.
    found = simulate(
        weights=np.array([[1.0], [0.0]]),
        open_=np.array([[90.0], [100.0], [121.0]]),
        close=np.array([[95.0], [110.0], [130.0]]),
        cost_bp=10,
        bars_a_year=252,
    )
    assert found.returns.tolist() == pytest.approx([0.1 - 0.001, 0.1 - 0.001])
    assert found.turnover == 1.0
    assert found.exposure == 0.5


def test_it_counts_the_starting_equity_as_a_peak() -> None:
    found = simulate(
        weights=np.array([[1.0]]),
        open_=np.array([[1.0], [1.0]]),
        close=np.array([[1.0], [0.8]]),
        cost_bp=0,
        bars_a_year=252,
    )
    assert found.max_drawdown == pytest.approx(-0.2)
    assert found.sharpe is None  # one return has no deviation


def test_it_knows_the_calendars() -> None:
    assert bars_a_year(weekdays(600), "1d") == 252
    assert bars_a_year(np.arange(700) * 86_400, "1d") == 365
    assert bars_a_year(weekdays(90), "1w") == 52
    assert bars_a_year(np.arange(24 * 400) * 3600, "1h") == pytest.approx(8766, abs=1)


def test_it_goes_by_the_sessions_of_a_calendar() -> None:
    paris, coins = TradingYear("XPAR", 256), TradingYear("24/7", 365)
    assert bars_a_year(weekdays(600), "1d", paris) == 256
    assert bars_a_year(np.arange(700) * 86_400, "1d", coins) == 365
    assert bars_a_year(weekdays(90), "1w", paris) == 52
    hours = np.arange(30, 24 * 400 + 5) * 3600  # neither begins nor ends at midnight
    assert bars_a_year(hours, "1h", coins) == 365 * 24
    opened = (weekdays(60)[:, None] + 3600 * np.arange(8, 17)).ravel()  # nine bars from 8:00 UTC on
    assert bars_a_year(opened[2:], "1h", paris) == 256 * 9
    sydney = (weekdays(60)[:, None] + 3600 * np.arange(-1, 5)).ravel()  # 23:00 UTC is the morning of the next day there
    assert bars_a_year(sydney, "1h", TradingYear("XASX", 253)) == 253 * 6


@settings(max_examples=40)
@given(days=st.integers(1, 50), names=st.integers(1, 4), horizon=st.integers(1, 25), seed=st.integers(0, 999))
def test_it_staggers_tranches_as_separate_books_would(days: int, names: int, horizon: int, seed: int) -> None:
    signals = np.random.default_rng(seed).choice([-1.0, 0.0, 1.0], size=(days, names))
    weights = tranche_weights(signals, horizon)
    np.testing.assert_allclose(weights, slow_tranches(signals / names, horizon), atol=1e-12)
    assert (np.abs(weights).sum(axis=1) <= 1 + 1e-12).all()


def test_it_gives_the_signal_itself_for_one_instrument_and_one_bar() -> None:
    signals = np.array([[1.0], [0.0], [1.0]])
    assert np.array_equal(tranche_weights(signals, 1), signals)


def test_it_builds_up_and_runs_down_over_the_horizon() -> None:
    # Two instruments, h = 2: a buy of the first on day 0 alone is a quarter of the capital on days 0 and 1.
    signals = np.array([[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    assert tranche_weights(signals, 2)[:, 0].tolist() == [0.25, 0.25, 0.0]
