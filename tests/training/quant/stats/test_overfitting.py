"""Deflated Sharpe ratio and PBO: the papers' own numbers, another library's, and what they must never do."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from purgedcv import deflated_sharpe_ratio, probability_of_backtest_overfitting

from training.quant.stats.overfitting import backtest_overfitting, deflated_sharpe, expected_largest
from training.quant.stats.sharpe import excess_of

SEEDS = st.integers(0, 2**32 - 1)


def noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_t(5, shape) * 0.01


def test_it_gives_the_papers_example() -> None:
    """Bailey & López de Prado 2014: 1,250 days, a Sharpe ratio of 2.5 a year of 250, skewness -3, kurtosis 10, the best
    of 100 trials whose ratios have a variance of 1/2 a year: 0.9004; of 46 trials it would be 0.9505."""
    returns = np.repeat([-1.0, 0.0], [105, 1145])  # two values are the only ones with these moments
    returns = (returns - returns.mean()) / returns.std(ddof=1) + 2.5 / math.sqrt(250)
    for trials, expected in ((100, 0.9004), (46, 0.9505)):
        assert deflated_sharpe(returns, trials=trials, variance=0.5 / 250) == pytest.approx(expected, abs=5e-4)
    assert math.sqrt(0.5 / 250) * expected_largest(100) == pytest.approx(0.1132, abs=5e-5)


@settings(max_examples=30)
@given(SEEDS, st.integers(500, 1500), st.integers(1, 500), st.floats(0, 0.01))
def test_deflated_sharpe_is_that_of_purgedcv(seed: int, days: int, trials: int, variance: float) -> None:
    """Which has other divisors in its deviation and its moments."""
    returns = noise(seed, days) + 0.001
    expected = deflated_sharpe_ratio(returns, trials, variance)
    assert deflated_sharpe(returns, trials=trials, variance=variance) == pytest.approx(expected, abs=5e-3)


@given(SEEDS, st.integers(3, 300))
def test_more_trials_never_make_it_likelier(seed: int, days: int) -> None:
    returns = noise(seed, days) + 0.001
    figures = [deflated_sharpe(returns, trials=trials) or 0.0 for trials in (1, 2, 3, 10, 1000)]
    assert figures == sorted(figures, reverse=True)
    alone = excess_of(returns, bars_a_year=252).p_value
    assert alone is not None and figures[0] == pytest.approx(1 - alone, abs=1e-9)


def test_the_largest_of_many_is_where_the_largest_of_many_lies() -> None:
    drawn = np.random.default_rng(1).standard_normal((20_000, 50)).max(axis=1).mean()
    assert expected_largest(50) == pytest.approx(drawn, abs=0.05) and expected_largest(1) == 0.0


def test_nothing_can_be_said_of_returns_that_never_vary() -> None:
    assert deflated_sharpe(np.zeros(100), trials=3) is None
    assert deflated_sharpe(np.array([0.01, 0.02]), trials=3) is None


@settings(max_examples=3, deadline=None)
@given(SEEDS, st.integers(5, 8), st.integers(160, 200))
def test_pbo_is_that_of_purgedcv(seed: int, configurations: int, days: int) -> None:
    returns = noise(seed, configurations, days)
    expected = probability_of_backtest_overfitting(returns, 8).pbo
    assert backtest_overfitting(returns, blocks=8) == pytest.approx(expected, abs=1e-12)


def test_pbo_knows_skill_from_a_choice_among_equals() -> None:
    skilled = noise(1, 12, 600)
    skilled[4] += 0.004
    assert backtest_overfitting(skilled) == pytest.approx(0.0, abs=0.001)
    equals = [backtest_overfitting(noise(seed, 12, 600)) for seed in range(20)]
    assert 0.35 < np.mean([each for each in equals if each is not None]) < 0.65


def test_pbo_needs_enough_configurations_and_days() -> None:
    assert backtest_overfitting(noise(1, 4, 600)) is None and backtest_overfitting(noise(1, 5, 159)) is None
    assert backtest_overfitting(np.zeros((5, 160))) is not None
