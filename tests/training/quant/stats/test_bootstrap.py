"""The stationary bootstrap: its blocks, its variance by the formula of the paper, and the band made of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.quant.stats.bootstrap import DRAWS, SHARE, equity_band, resampled


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 30))
def test_blocks_are_drawn_as_place_after_place_says(seed: int, length: int, mean_block: int) -> None:
    """A seed's draws stay what they were, and blocks run on around the end."""
    rng = np.random.default_rng(seed)
    begins, starts = rng.random((3, length)) < 1 / mean_block, rng.integers(length, size=(3, length))
    expected = starts.copy()
    for draw in range(3):
        for i in range(1, length):
            if not begins[draw, i]:
                expected[draw, i] = (expected[draw, i - 1] + 1) % length
    places = resampled(length, mean_block=mean_block, draws=3, rng=np.random.default_rng(seed))
    assert np.array_equal(places, expected)


def test_blocks_are_as_long_as_they_should_be_and_begin_anywhere() -> None:
    places = resampled(400, mean_block=20, draws=500, rng=np.random.default_rng(1))
    breaks = np.diff(places, axis=1) % 400 != 1
    assert breaks.mean() == pytest.approx((1 / 20) * (399 / 400), rel=0.05)  # 1 of 400 goes on by chance
    assert np.bincount(places.ravel(), minlength=400).std() / 500 < 0.15


def test_its_mean_varies_as_the_paper_says() -> None:
    """Politis & Romano 1994, Lemma 1: c_0 + 2 sum (1 - i/T) (1 - p)^i c_i over T, with circular autocovariances."""
    rng, length, mean_block = np.random.default_rng(2), 250, 10
    shocks = rng.standard_normal(length)
    values = np.convolve(shocks, np.ones(5), mode="same")
    centred = values - values.mean()
    covariances = np.array([(centred * np.roll(centred, -i)).mean() for i in range(length)])
    lags = np.arange(1, length)
    weights = (1 - lags / length) * (1 - 1 / mean_block) ** lags
    expected = (covariances[0] + 2 * (weights * covariances[1:]).sum()) / length
    drawn = values[resampled(length, mean_block=mean_block, draws=20_000, rng=rng)].mean(axis=1)
    assert drawn.var() == pytest.approx(expected, rel=0.05) and drawn.mean() == pytest.approx(values.mean(), abs=0.02)


def test_the_band_holds_the_middle_of_the_resampled_curves_and_is_the_same_again() -> None:
    returns = np.random.default_rng(3).normal(0.0005, 0.01, 300)
    band = equity_band(returns, mean_block=20)
    assert band == equity_band(returns, mean_block=20) and band is not None
    assert (band.share, band.draws, len(band.low), len(band.high)) == (SHARE, DRAWS, 300, 300)
    low, high = np.array(band.low), np.array(band.high)
    drawn = resampled(300, mean_block=20, draws=4000, rng=np.random.default_rng(4))
    within = (np.cumprod(1 + returns[drawn], axis=1) >= low) & (np.cumprod(1 + returns[drawn], axis=1) <= high)
    assert within.mean() == pytest.approx(0.9, abs=0.02)
    assert high[-1] - low[-1] > high[0] - low[0]


def test_too_short_a_history_has_none() -> None:
    assert equity_band(np.full(79, 0.001), mean_block=20) is None
    flat = equity_band(np.zeros(80), mean_block=20)
    assert flat is not None and set(flat.low) == set(flat.high) == {1.0}
