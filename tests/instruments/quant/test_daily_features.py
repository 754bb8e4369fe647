"""The features of a universe, held against an independent computation, and blind to the future and to one another."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instruments.quant.bars import Bars
from instruments.quant.features.daily import (
    CORE,
    DAILY_FEATURES,
    LOOK_BACK,
    VERSION,
    daily_features,
    day_ranks,
    get_feature_columns,
    last_features,
)
from tests.training.quant.noise import noise_bars


def _frame(bars: Bars) -> pd.DataFrame:
    return pd.DataFrame(daily_features([bars])[0], columns=list(get_feature_columns()))


def _wilder(values: list[float], window: int) -> list[float]:
    """As in Wilder's book, one value at a time."""
    out = [float("nan")] * len(values)
    if len(values) > window:
        out[window] = sum(values[1 : window + 1]) / window
        for t in range(window + 1, len(values)):
            out[t] = (out[t - 1] * (window - 1) + values[t]) / window
    return out


def _oracle(bars: Bars) -> dict[str, pd.Series]:
    """Each feature again, with pandas' windows and plain loops."""
    h, l, c, v = (pd.Series(getattr(bars, n)) for n in ("high", "low", "close", "volume"))  # noqa: E741
    r = c.pct_change()
    day = pd.to_datetime(pd.Series(bars.time), unit="s")
    out: dict[str, pd.Series] = {f"return_{k}": c.pct_change(k) for k in (1, 5, 10, 20, 60, 120)}
    out |= {f"volatility_{w}": r.rolling(w).std() for w in (10, 20, 60)}
    out |= {f"ma_distance_{w}": c / c.rolling(w).mean() - 1 for w in (5, 10, 20, 50, 200)}
    for a, b in ((5, 20), (20, 50), (50, 200)):
        out[f"ma_cross_{a}_{b}"] = c.rolling(a).mean() / c.rolling(b).mean() - 1
    gain, loss = (pd.Series(_wilder([float("nan"), *part], 14)) for part in (
        [max(x, 0) for x in c.diff()[1:]], [max(-x, 0) for x in c.diff()[1:]]))  # fmt: skip
    out["rsi_14"] = 100 - 100 / (1 + gain / loss)
    macd = c.ewm(span=12, adjust=False).mean() - c.ewm(span=26, adjust=False).mean()
    signal = macd.ewm(span=9, adjust=False).mean()
    out["macd"] = (macd / c).where(c.index >= 25)
    out["macd_signal"] = (signal / c).where(c.index >= 33)
    out["macd_histogram"] = ((macd - signal) / c).where(c.index >= 33)
    true_range = pd.concat([h - l, (h - c.shift()).abs(), (l - c.shift()).abs()], axis=1).max(axis=1)
    out["atr_14"] = pd.Series(_wilder(list(true_range), 14)) / c
    middle, sd = c.rolling(20).mean(), c.rolling(20).std(ddof=0)
    out["bollinger_position"] = (c - (middle - 2 * sd)) / (4 * sd)
    out["bollinger_width"] = 4 * sd / middle
    out["volume_zscore_20"] = (v - v.rolling(20).mean()) / v.rolling(20).std(ddof=0)
    out["volume_ratio_20"] = v / v.rolling(20).mean()
    for w in (20, 252):
        low, high = l.rolling(w).min(), h.rolling(w).max()
        out[f"range_position_{w}"] = (c - low) / (high - low)
    out["drawdown_252"] = c / h.rolling(252).max() - 1
    out["day_of_week"], out["month"] = day.dt.day_of_week.astype(float), day.dt.month.astype(float)
    return out


def test_it_equals_an_independent_computation() -> None:
    bars = noise_bars(400)
    made, expected = _frame(bars), _oracle(bars)
    assert set(expected) == set(get_feature_columns())
    for name, values in expected.items():
        np.testing.assert_allclose(made[name], values, rtol=1e-8, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("place", range(len(DAILY_FEATURES)), ids=get_feature_columns())
def test_it_is_defined_from_the_bar_it_names_on(place: int) -> None:
    values = daily_features([noise_bars(300)])[0][:, place]
    first = DAILY_FEATURES[place].first_valid
    assert np.isnan(values[:first]).all() and np.isfinite(values[first:]).all()


@settings(max_examples=25)
@given(cut=st.integers(1, 390), seed=st.integers(0, 5))
def test_it_changes_no_past_value_when_later_bars_change(cut: int, seed: int) -> None:
    bars, other = noise_bars(400, seed=seed), noise_bars(400, seed=seed + 100)
    mixed = Bars(*(np.concatenate([getattr(bars, c)[:cut], getattr(other, c)[cut:]]) for c in vars(bars)))
    whole, changed, short = daily_features([bars, mixed, bars.slice(0, cut)])
    assert np.array_equal(whole[:cut], changed[:cut], equal_nan=True)
    assert np.array_equal(whole[:cut], short, equal_nan=True)


def test_it_does_not_depend_on_who_stands_beside() -> None:
    many = [noise_bars(n, seed=n) for n in (300, 40, 1, 261, 300)]
    for bars, among in zip(many, daily_features(many), strict=True):
        assert np.array_equal(daily_features([bars])[0], among, equal_nan=True)
    assert daily_features([]) == []


def _scaled(bars: Bars) -> Bars:
    return Bars(bars.time, *(getattr(bars, c) * 8.0 for c in ("open", "high", "low", "close", "volume", "adj_close")))


def _still(bars: Bars) -> Bars:
    flat = np.full(len(bars), 7.3)
    return replace(bars, open=flat, high=flat, low=flat, close=flat, adj_close=flat, volume=np.zeros(len(bars)))


def test_it_does_not_depend_on_the_level_of_prices_or_volumes() -> None:
    bars = noise_bars(300)
    np.testing.assert_allclose(_frame(bars), _frame(_scaled(bars)), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shape", [_still, _scaled])
def test_it_is_finite_wherever_it_is_defined(shape: Callable[[Bars], Bars]) -> None:
    matrix = daily_features([shape(noise_bars(300))])[0]
    assert np.isfinite(matrix[251:]).all()


def test_it_names_what_a_trained_row_must_have() -> None:
    assert {"return_1", "return_5", "return_20", "rsi_14", "volatility_20", "atr_14", "volume_zscore_20"} <= set(CORE)
    assert "return_60" in CORE and "return_120" not in CORE and "drawdown_252" not in CORE


def test_it_ranks_within_the_day_as_pandas_does() -> None:
    rng = np.random.default_rng(3)
    day, values = rng.integers(0, 40, 900), rng.integers(0, 9, 900).astype(np.float64)
    values[rng.random(900) < 0.1] = np.nan
    frame = pd.DataFrame({"day": day, "value": values}).groupby("day")["value"]
    expected = (frame.rank() - 0.5) / frame.transform("count")
    np.testing.assert_allclose(day_ranks(day, values), expected, rtol=0, atol=1e-15)
    assert np.isnan(day_ranks(day, np.full(900, np.nan))).all()


def test_its_last_rows_alone_are_the_same_bits() -> None:
    many = [noise_bars(n, seed=n) for n in (700, 1, 252, 253, 61, 300)]
    whole = np.array([matrix[-1] for matrix in daily_features(many)])
    assert last_features(many).tobytes() == whole.tobytes()
    assert np.isnan(last_features([many[0].slice(0, 0)])).all()


def test_its_last_row_is_decided_by_the_bars_that_it_says() -> None:
    for seed in range(4):
        bars = noise_bars(3000, seed=seed)
        part = bars.slice(len(bars) - LOOK_BACK, len(bars))
        whole, cut = (last_features([one])[0] for one in (bars, part))
        np.testing.assert_allclose(cut, whole, rtol=1e-11)
        assert (cut.astype(np.float32) == whole.astype(np.float32)).all()


def _exact_bars(count: int, step: int) -> Bars:
    """Of eighths, so that every machine has the same."""
    place = np.arange(count)
    close = 100.0 + (place * step % 101) / 8.0 + place / 16.0
    time = (place // 5 * 7 + place % 5 + 10_959) * 86_400
    return Bars(
        time,
        close - 0.5,
        close + (place % 7) / 8.0,
        close - (place % 11) / 8.0,
        close,
        1e6 + place * 977.0 % 5e5,
        close,
    )


def test_its_bits_are_those_of_the_version_that_it_names() -> None:
    """Stored features and the cache rely on it: other bits need another VERSION."""
    digest = hashlib.sha256()
    for matrix in daily_features([_exact_bars(count, step) for count, step in ((700, 37), (300, 41), (40, 3))]):
        digest.update(np.where(np.isnan(matrix), np.nan, matrix).tobytes())
    assert VERSION == 1
    assert digest.hexdigest() == "8bcd9cec866fa3496ad4d4b35b5d7ed5349359c726134e96f7f0a56925555759"


def test_it_rounds_once_at_the_end() -> None:
    many = [noise_bars(n, seed=n) for n in (300, 40, 1)]
    for exact, rounded in zip(daily_features(many), daily_features(many, np.float32), strict=True):
        assert rounded.dtype == np.float32 and np.array_equal(exact.astype(np.float32), rounded, equal_nan=True)
