"""What a market is like at a candle: by formulas of its own, and blind to what comes later."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kurtosis

from tests.training.quant.noise import noise_bars
from training.quant.labels import up_label
from training.quant.search.market_state import BARS_NEEDED, STATE, market_state

BARS = noise_bars(700, seed=3)
LABELS = up_label(BARS.close)[100:599]


def state(**more: object) -> dict[str, float]:
    values = {"bars": BARS.slice(0, 600), "labels": LABELS, "timeframe": "1d"} | more
    bars, labels, timeframe = values["bars"], values["labels"], values["timeframe"]
    return dict(zip(STATE, market_state(bars, labels, timeframe=timeframe), strict=True))  # type: ignore[arg-type]


def test_it_is_what_other_formulas_say() -> None:
    returns = pd.Series(np.diff(np.log(BARS.close[:600])))
    volume = pd.Series(BARS.volume[:600])
    deviation = {n: returns.tail(n).std(ddof=0) for n in (20, 60, 250)}
    last = returns.tail(250) - returns.tail(250).mean()
    assert state() == pytest.approx(
        {
            **{f"volatility_{n}": np.log(value) for n, value in deviation.items()},
            "volatility_20_to_60": np.log(deviation[20] / deviation[60]),
            "volatility_60_to_250": np.log(deviation[60] / deviation[250]),
            "trend_60": returns.tail(60).sum() / deviation[60] / np.sqrt(60),
            "trend_250": returns.tail(250).sum() / deviation[250] / np.sqrt(250),
            "autocorrelation": (last * last.shift()).sum() / (last**2).sum(),
            "kurtosis": np.log(kurtosis(returns.tail(250), fisher=False)),
            "volume_regime": np.log(volume.tail(20).mean() / volume.tail(250).mean()),
            "rows": np.log(499),
            "share_up": LABELS.mean(),
            "timeframe": np.log(24),
        }
    )


def test_bars_before_its_windows_change_nothing() -> None:
    assert state(bars=BARS.slice(600 - BARS_NEEDED, 600)) == pytest.approx(state())


def test_what_is_not_there_is_nan() -> None:
    young = state(bars=BARS.slice(0, 100), labels=LABELS[:0])
    missing = {name for name, value in young.items() if np.isnan(value)}
    assert missing == {name for name in STATE if "250" in name} | {
        "autocorrelation",
        "kurtosis",
        "volume_regime",
        "rows",
        "share_up",
    }
    flat = noise_bars(300, volatility=0.0)
    assert np.isnan(market_state(flat, LABELS, timeframe="1d")[STATE.index("volatility_20")])
