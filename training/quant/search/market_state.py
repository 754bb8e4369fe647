"""What a market is like at a candle: what the meta-predictor compares candles by (meta-features). PROTOCOL §7."""

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars

Floats = NDArray[np.float64]
SHORT, MIDDLE, LONG = 20, 60, 250  # bars
BARS_NEEDED = LONG + 1  # up to the candle, for a state without NaN
HOURS = {"1h": 1.0, "4h": 4.0, "1d": 24.0, "1w": 168.0}
STATE = (
    "volatility_20",  # ln of the deviation of log returns, per bar
    "volatility_60",
    "volatility_250",
    "volatility_20_to_60",  # ln of the ratio
    "volatility_60_to_250",
    "trend_60",  # log return, in deviations of a walk of so many steps
    "trend_250",
    "autocorrelation",  # of log returns with those of the bar before, 250 bars
    "kurtosis",  # ln of the standardised fourth moment of log returns, 250 bars
    "volume_regime",  # ln of mean volume over 20 bars to that over 250
    "rows",  # ln of the number of training rows
    "share_up",  # of the training rows
    "timeframe",  # ln of hours a bar
)


def market_state(bars: Bars, labels: Floats, *, timeframe: str) -> Floats:
    """(s,) float64 in the order of STATE, of the last of `bars` (adjusted, without stale ones): nothing later is seen.

    `labels`: (r,) of 0 and 1, those of the rows that a run at that candle trains on. NaN where there are fewer bars
    than a window needs, where nothing moved or was traded in it, and without rows.
    """
    returns = np.diff(np.log(bars.close))
    volatility = {bars_: _log(_deviation(returns, bars_)) for bars_ in (SHORT, MIDDLE, LONG)}
    return np.array(
        [
            *volatility.values(),
            volatility[SHORT] - volatility[MIDDLE],
            volatility[MIDDLE] - volatility[LONG],
            _trend(returns, MIDDLE),
            _trend(returns, LONG),
            _autocorrelation(returns),
            _log(_fourth_moment(returns)),
            _log(_mean(bars.volume, SHORT)) - _log(_mean(bars.volume, LONG)),
            _log(float(len(labels))),
            float(labels.mean()) if len(labels) else np.nan,
            np.log(HOURS[timeframe]),
        ]
    )


def _log(value: float) -> float:
    return float(np.log(value)) if value > 0 else np.nan


def _mean(values: Floats, window: int) -> float:
    return float(values[-window:].mean()) if len(values) >= window else np.nan


def _deviation(returns: Floats, window: int) -> float:
    return float(returns[-window:].std()) if len(returns) >= window else np.nan


def _trend(returns: Floats, window: int) -> float:
    deviation = _deviation(returns, window)
    return float(returns[-window:].sum() / (deviation * window**0.5)) if deviation > 0 else np.nan


def _autocorrelation(returns: Floats) -> float:
    centred = returns[-LONG:] - returns[-LONG:].mean() if len(returns) >= LONG else np.zeros(0)
    squares = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / squares if squares > 0 else np.nan


def _fourth_moment(returns: Floats) -> float:
    deviation = _deviation(returns, LONG)
    if not deviation > 0:
        return np.nan
    return float((((returns[-LONG:] - returns[-LONG:].mean()) / deviation) ** 4).mean())
