"""Chart and model agree: each indicator, turned into the features made of it, is those features."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix, feature_set, log_return, rolling_deviation
from instruments.quant.features.daily import daily_features, get_feature_columns
from instruments.quant.features.indicators import INDICATORS, Indicator, indicator_lines
from tests.training.quant.noise import noise_bars

Floats = NDArray[np.float64]
BARS = noise_bars(400)
LINES = indicator_lines(BARS, [indicator.name for indicator in INDICATORS])
DAILY = dict(zip(get_feature_columns(), daily_features([BARS])[0].T, strict=True))
CANDLE = dict(
    zip(feature_set("scale_free").columns, feature_matrix(BARS, name="scale_free", timeframe="1d").T, strict=True)
)
WINDOWS = (5, 10, 20, 50, 200)


def _from_distance() -> Floats:
    """The mean of 20 closes out of the candle set's distance to it, in deviations of returns."""
    volatility = np.full(len(BARS), np.nan)
    volatility[1:] = rolling_deviation(log_return(BARS.close, 1)[1:], 20)
    return BARS.close / (CANDLE["distance_to_mean_20"] * volatility + 1.0)


SAME_BITS: dict[str, dict[str, Callable[[], Floats]]] = {
    **{f"sma_{w}": {f"ma_distance_{w}": lambda w=w: BARS.close / LINES[f"sma_{w}"] - 1.0} for w in WINDOWS},
    **{name: {"macd": lambda: (LINES["ema_12"] - LINES["ema_26"]) / BARS.close} for name in ("ema_12", "ema_26")},
    "volume_mean_20": {"volume_ratio_20": lambda: BARS.volume / LINES["volume_mean_20"]},
    "rsi_14": {"rsi_14": lambda: LINES["rsi_14"]},
    "macd": {name: lambda name=name: LINES[name] / BARS.close for name in ("macd", "macd_signal", "macd_histogram")},
    "atr_14": {"atr_14": lambda: LINES["atr_14"] / BARS.close},
}
NEARLY: dict[str, dict[str, Callable[[], Floats]]] = {  # what is drawn is rounded once more on its way back
    "bollinger_20": {
        "bollinger_position": lambda: (
            (BARS.close - LINES["bollinger_lower"]) / (LINES["bollinger_upper"] - LINES["bollinger_lower"])
        ),
        "bollinger_width": lambda: (LINES["bollinger_upper"] - LINES["bollinger_lower"]) / LINES["bollinger_middle"],
    },
}


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda indicator: indicator.name)
def test_it_is_what_features_are_computed_from(indicator: Indicator) -> None:
    name = indicator.name
    for feature, turned in SAME_BITS.get(name, {}).items():
        assert np.array_equal(turned(), DAILY[feature], equal_nan=True), feature
    for feature, turned in NEARLY.get(name, {}).items():
        np.testing.assert_allclose(turned(), DAILY[feature], rtol=0, atol=1e-12, err_msg=feature)
    assert name in {*SAME_BITS, *NEARLY}


def test_its_crossings_are_the_features_of_crossings() -> None:
    for short, long in pairwise((5, 20, 50, 200)):
        crossed = LINES[f"sma_{short}"] / LINES[f"sma_{long}"] - 1.0
        assert np.array_equal(crossed, DAILY[f"ma_cross_{short}_{long}"], equal_nan=True)


def test_it_agrees_with_what_candle_models_see() -> None:
    seen = ~np.isnan(CANDLE["distance_to_mean_20"])
    np.testing.assert_allclose(LINES["sma_20"][seen], _from_distance()[seen], rtol=1e-12)


def test_it_changes_no_past_value_when_later_bars_change() -> None:
    other = noise_bars(400, seed=9)
    mixed = Bars(*(np.concatenate([getattr(BARS, c)[:300], getattr(other, c)[300:]]) for c in vars(BARS)))
    changed = indicator_lines(mixed, [indicator.name for indicator in INDICATORS])
    assert all(np.array_equal(LINES[name][:300], values[:300], equal_nan=True) for name, values in changed.items())
    assert all(np.isfinite(values[199:]).all() for values in LINES.values())
