"""What a script would do for one candle: a fresh process, pandas, scikit-learn, LightGBM, read, fit, write files.

Run by `scripts/bench candle` as yardstick (d); reads the same SQLite database as the site, or PostgreSQL.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.preprocessing import StandardScaler


def main() -> None:
    symbol, candle, folder = sys.argv[1:4]
    query = (
        "SELECT b.timestamp, b.open, b.high, b.low, b.close, b.volume, b.adj_close FROM instruments_pricebar b "
        "JOIN instruments_series s ON s.id = b.series_id JOIN instruments_instrument i ON i.id = s.instrument_id "
        f"WHERE i.symbol = '{symbol}' ORDER BY b.timestamp"
    )
    frame = pd.read_sql_query(query, _connection(), parse_dates=["timestamp"])
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True)
    factor = frame.adj_close / frame.close
    for name in ("open", "high", "low", "close"):
        frame[name] *= factor
    features = pd.DataFrame({f"return_{k}": np.log(frame.close).diff(k) for k in (1, 2, 5, 10, 20)})
    features["hl_range"] = (frame.high - frame.low) / frame.close
    features["price_change"] = (frame.close - frame.open) / frame.open
    label = (frame.close.shift(-1) > frame.close).astype(int)
    decision = frame.index[frame.timestamp == pd.Timestamp(candle)][0]
    train, test = slice(decision - 755, decision), slice(decision, decision + 35)
    scaler = StandardScaler().fit(features[train])
    border = 604
    x, y = scaler.transform(features[train]), label[train]
    model = lightgbm.LGBMClassifier(n_estimators=1000, learning_rate=0.05, max_depth=6, n_jobs=1, verbosity=-1)
    stop = lightgbm.early_stopping(50, verbose=False)
    model.fit(x[:border], y[:border], eval_X=(x[border:],), eval_y=(y[border:],), callbacks=[stop])
    model = model.set_params(n_estimators=max(1, model.best_iteration_)).fit(x, y)
    p = np.asarray(model.predict_proba(scaler.transform(features[test])))[:, 1]
    predicted = p >= 0.5
    metrics = {
        "auc": roc_auc_score(label[test], p),
        "accuracy": accuracy_score(label[test], predicted),
        "f1": f1_score(label[test], predicted),
    }
    joblib.dump(model, Path(folder) / "model.joblib")
    joblib.dump(scaler, Path(folder) / "scaler.joblib")
    (Path(folder) / "results.json").write_text(json.dumps(metrics))


def _connection() -> Any:
    url = os.environ.get("DATABASE_URL", "")
    if url.startswith("postgres"):
        import psycopg2  # noqa: PLC0415 - only one of the two drivers is needed

        return psycopg2.connect(url)
    import sqlite3  # noqa: PLC0415

    return sqlite3.connect(Path(os.environ["BOURSOMATIC_HOME"]) / "boursomatic.sqlite3")


if __name__ == "__main__":
    main()
