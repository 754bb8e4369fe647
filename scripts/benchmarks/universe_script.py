"""What a script would do for a universe: read one file with pandas, features by groupby, LightGBM on all cores, judge
nothing, keep nothing. `scripts/bench universe` runs it in a process of its own as the yardstick of whole runs.

    python -m scripts.benchmarks.universe_script FILE
"""

import sys
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from scripts.benchmarks.universe_pandas import features_by_pandas

HORIZON, BUY, SELL = 20, 0.05, -0.02
RANKED = ["return_5", "return_20", "volatility_20", "rsi", "ratio"]
GIVEN = [  # as many columns as the recipe `phase22` fits on
    *("return_1", "return_5", "return_10", "return_20", "volatility_10", "volatility_20", "ma_5", "ma_10", "ma_20"),
    *("cross_5_20", "rsi", "macd", "signal", "histogram", "atr", "position", "width", "zscore", "ratio", "place_20"),
    *(f"rank_{name}" for name in RANKED),
]
SHAPE: dict[str, Any] = {
    "n_estimators": 100,
    "learning_rate": 0.05,
    "max_depth": 5,
    "num_leaves": 31,
    "min_child_samples": 20,
    "subsample": 0.8,
    "subsample_freq": 1,
    "colsample_bytree": 0.8,
    "random_state": 42,
    "verbosity": -1,
}


def main() -> None:
    frame = pd.read_csv(sys.argv[1], parse_dates=["date"]).rename(columns={"symbol": "who", "Name": "who"})
    frame = frame.sort_values(["who", "date"], ignore_index=True)
    features = features_by_pandas(frame)
    outcome = frame.groupby("who")["close"].shift(-HORIZON) / frame["close"] - 1
    for name in RANKED:
        features[f"rank_{name}"] = features.groupby(frame["date"])[name].rank(pct=True)
    usable = features["ma_50"].notna() & outcome.notna()
    days = np.sort(frame["date"][usable].unique())
    border = days[len(days) * 70 // 100 - HORIZON]
    label = np.where(outcome >= BUY, 2, np.where(outcome <= SELL, 0, 1))
    for rows in (usable & (frame["date"] <= border), usable):  # the judged model, then the one to use
        x = features.loc[rows, GIVEN].astype(np.float32)
        lightgbm.LGBMClassifier(**SHAPE).fit(x, label[rows])
        lightgbm.LGBMRegressor(**SHAPE).fit(x, outcome[rows])


if __name__ == "__main__":
    main()
