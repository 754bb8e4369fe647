"""Features say only what was known at their bar, and say it to the last bit whatever surrounds them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix, feature_set
from tests.training.quant.noise import noise_bars

NAMES = ["poc16", "scale_free", "ma5", "shape+raw+ma5"]


@pytest.mark.parametrize("name", NAMES)
def test_it_gives_a_column_a_name_and_nan_only_in_the_warm_up(name: str) -> None:
    made = feature_set(name)
    matrix = feature_matrix(noise_bars(300), name=name, timeframe="1d")
    assert matrix.shape == (300, {"ma5": 3, "shape+raw+ma5": 17}.get(name, 16)) == (300, len(made.columns))
    assert np.isfinite(matrix[made.warmup :]).all()
    if made.warmup:
        assert np.isnan(matrix[: made.warmup]).any(axis=1).all()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(cut=st.integers(90, 290), seed=st.integers(0, 5))
def test_it_changes_no_past_value_when_later_bars_change(name: str, cut: int, seed: int) -> None:
    bars, other = noise_bars(300, seed=seed), noise_bars(300, seed=seed + 100)
    mixed = Bars(*(np.concatenate([getattr(bars, c)[:cut], getattr(other, c)[cut:]]) for c in vars(bars)))
    whole = feature_matrix(bars, name=name, timeframe="1d")[:cut]
    assert np.array_equal(whole, feature_matrix(mixed, name=name, timeframe="1d")[:cut], equal_nan=True)
    assert np.array_equal(whole, feature_matrix(bars.slice(0, cut), name=name, timeframe="1d"), equal_nan=True)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(start=st.integers(1, 200))
def test_it_gives_the_same_bits_wherever_the_array_begins(name: str, start: int) -> None:
    bars, warmup = noise_bars(300), feature_set(name).warmup
    whole = feature_matrix(bars, name=name, timeframe="1d")[start + warmup :]
    part = feature_matrix(bars.slice(start, 300), name=name, timeframe="1d")[warmup:]
    assert np.array_equal(whole, part)


def test_the_next_open_is_all_that_is_seen_of_the_next_bar() -> None:
    bars, other = noise_bars(300), noise_bars(300, seed=9)
    cut = 250  # rows before it: bar `cut` keeps its open alone
    mixed = Bars(*(np.concatenate([getattr(bars, c)[:cut], getattr(other, c)[cut:]]) for c in vars(bars)))
    mixed.open[cut] = bars.open[cut]
    for name in ("raw_o_next", "scale_free", "shape+ma5+raw+raw_o_next"):
        whole = feature_matrix(bars, name=name, timeframe="1d")[:cut]
        assert np.array_equal(whole, feature_matrix(mixed, name=name, timeframe="1d")[:cut], equal_nan=True)
    column = feature_matrix(bars, name="raw_o_next", timeframe="1d")[:, 0]
    np.testing.assert_allclose(column[:-1], np.log(bars.open[1:] / bars.close[:-1]), rtol=1e-12)
    assert np.isnan(column[-1])


def test_it_equals_pandas_rolling_windows() -> None:
    bars = noise_bars(300)
    matrix = pd.DataFrame(
        feature_matrix(bars, name="scale_free", timeframe="1d"), columns=list(feature_set("scale_free").columns)
    )
    close, volume = pd.Series(bars.close), pd.Series(bars.volume)
    returns = np.log(close).diff()
    volatility = returns.rolling(20).std(ddof=0)
    expected = {
        **{f"return_{k}": np.log(close).diff(k) for k in (1, 2, 5, 10, 20)},
        "volume_to_median_20": np.log(volume / volume.rolling(20).median()),
        "distance_to_mean_20": (close / close.rolling(20).mean() - 1) / volatility,
        "volatility_to_median_60": np.log(volatility / volatility.rolling(60).median()),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(matrix[name][79:], values[79:], rtol=1e-9, atol=1e-12, err_msg=name)


def test_it_describes_the_candle_as_the_original_did() -> None:
    bars = Bars(np.array([0]), *(np.array([v]) for v in (10.0, 14.0, 8.0, 12.0, 3e6, 12.0)))
    row = dict(zip(feature_set("poc16").columns, feature_matrix(bars, name="poc16", timeframe="4h")[0], strict=True))
    deviation = np.std([10, 14, 8, 12])
    assert [row[f"iso_{i}"] for i in range(4)] == pytest.approx([(v - 11) / deviation for v in (10, 14, 8, 12)])
    assert (row["tf_1d"], row["tf_4h"], row["volume_m"], row["raw_v"]) == (0, 1, 3, 3e6)
    assert row["hl_range"] == pytest.approx(0.5)
    assert row["price_change"] == pytest.approx(0.2)
    assert row["upper_shadow"] == pytest.approx(2 / 12)
    assert row["lower_shadow"] == pytest.approx(4 / 12)


@pytest.mark.parametrize("name", NAMES)
def test_it_stays_finite_on_constant_prices_and_no_volume(name: str) -> None:
    flat = np.full(200, 7.3)
    bars = replace(noise_bars(200), open=flat, high=flat, low=flat, close=flat, adj_close=flat, volume=np.zeros(200))
    matrix = feature_matrix(bars, name=name, timeframe="1d")[feature_set(name).warmup :]
    assert np.isfinite(matrix).all()
    if name != "ma5":
        assert (matrix[:, [feature_set(name).columns.index(f"iso_{i}") for i in range(4)]] == 0).all()


def test_it_does_not_depend_on_the_level_of_prices_or_volumes() -> None:
    bars = noise_bars(200)
    scaled = Bars(bars.time, *(getattr(bars, c) * 8.0 for c in ("open", "high", "low", "close", "volume", "adj_close")))
    np.testing.assert_allclose(
        feature_matrix(bars, name="scale_free", timeframe="1d"),
        feature_matrix(scaled, name="scale_free", timeframe="1d"),
        rtol=1e-9,
        atol=1e-12,
    )
