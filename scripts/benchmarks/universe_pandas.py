"""The daily features as one would write them with pandas: the yardstick of ours. Nothing of the project is imported."""

from typing import Any

import pandas as pd


def features_by_pandas(frame: pd.DataFrame) -> pd.DataFrame:
    """Of all instruments, `who`, grouped; rows by instrument and then time, with `high`, `low`, `close`, `volume`."""
    by = frame.groupby("who")
    close, returns = by["close"], by["close"].pct_change()
    out = {f"return_{k}": close.pct_change(k) for k in (1, 5, 10, 20, 60, 120)}
    for w in (10, 20, 60):
        out[f"volatility_{w}"] = returns.groupby(frame["who"]).rolling(w).std().droplevel(0)
    means = {w: close.rolling(w).mean().droplevel(0) for w in (5, 10, 20, 50, 200)}
    out |= {f"ma_{w}": frame["close"] / mean - 1 for w, mean in means.items()}
    out |= {f"cross_{a}_{b}": means[a] / means[b] - 1 for a, b in ((5, 20), (20, 50), (50, 200))}

    def smooth(values: Any, **how: Any) -> Any:
        return values.groupby(frame["who"]).ewm(adjust=False, **how).mean().droplevel(0)

    moves, before = close.diff(), close.shift()
    gain, loss = smooth(moves.clip(lower=0), alpha=1 / 14), smooth(-moves.clip(upper=0), alpha=1 / 14)
    out["rsi"] = 100 * gain / (gain + loss)
    macd = smooth(frame["close"], span=12) - smooth(frame["close"], span=26)
    signal = smooth(macd, span=9)
    out |= {
        "macd": macd / frame["close"],
        "signal": signal / frame["close"],
        "histogram": (macd - signal) / frame["close"],
    }
    ranges = [frame["high"] - frame["low"], (frame["high"] - before).abs(), (frame["low"] - before).abs()]
    out["atr"] = smooth(pd.concat(ranges, axis=1).max(axis=1), alpha=1 / 14) / frame["close"]
    band = close.rolling(20).std(ddof=0).droplevel(0)
    out |= {"position": (frame["close"] - means[20]) / band, "width": 4 * band / means[20]}
    usual, spread = by["volume"].rolling(20).mean().droplevel(0), by["volume"].rolling(20).std(ddof=0).droplevel(0)
    out |= {"zscore": (frame["volume"] - usual) / spread, "ratio": frame["volume"] / usual}
    for w in (20, 252):
        low, high = by["low"].rolling(w).min().droplevel(0), by["high"].rolling(w).max().droplevel(0)
        out |= {f"place_{w}": (frame["close"] - low) / (high - low), f"drawdown_{w}": frame["close"] / high - 1}
    return pd.DataFrame(out)
