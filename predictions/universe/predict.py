"""What this model says of each instrument at the close of its newest bars: `python predict.py bars.csv`, see README.md.

Goes into the zip of a universe model with the modules that it imports: nothing else of the project is needed.
"""

import csv
import hashlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.daily import (
    CORE,
    DAY,
    FEATURE_SET,
    LOOK_BACK,
    VERSION,
    day_ranks,
    get_feature_columns,
    last_features,
)

OLDEST = 5  # sessions: nothing is said of an instrument whose last bar is older
PRICES = ("open", "high", "low", "close", "volume", "adj_close")


def read_bars(path: str) -> dict[str, Bars]:
    """Daily bars by symbol, from a CSV with a line for each symbol and date."""
    rows: dict[str, list[dict[str, str]]] = {}
    with Path(path).open(newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["symbol"], []).append(row)
    return {symbol: _bars(sorted(lines, key=lambda row: row["date"])) for symbol, lines in sorted(rows.items())}


def predict(folder: str, bars: Mapping[str, Bars]) -> list[dict[str, Any]]:
    """A row for each instrument that has enough and new enough bars, the highest expected return first."""
    manifest = json.loads((Path(folder) / "manifest.json").read_text())
    if manifest["feature_set"] != {"name": FEATURE_SET, "version": VERSION}:
        raise SystemExit("The model was trained on another version of the features. Train it again.")
    recent = {symbol: history.slice(max(0, len(history) - LOOK_BACK), len(history)) for symbol, history in bars.items()}
    symbols, stored = _eligible({symbol: history.adjusted() for symbol, history in recent.items()})
    if not symbols:
        return []
    features = np.column_stack([_column(name, stored) for name in manifest["feature_names"]]).astype(np.float32)
    p = np.asarray(_booster(folder, "classifier.txt", manifest).predict(features, num_threads=1))
    expected = np.asarray(_booster(folder, "regressor.txt", manifest).predict(features, num_threads=1))
    return [
        {
            "symbol": symbols[j],
            "signal": manifest["classes"][p[j].argmax()],
            **{f"p_{name.lower()}": float(p[j, k]) for k, name in enumerate(manifest["classes"])},
            "expected_return": float(expected[j]),
        }
        for j in np.argsort(-expected, kind="stable")
    ]


def _bars(rows: list[dict[str, str]]) -> Bars:
    time = np.array([row["date"] for row in rows], dtype="datetime64[D]").astype("datetime64[s]").astype(np.int64)
    return Bars(time, *(np.array([float(row[name]) for row in rows]) for name in PRICES))


def _eligible(bars: Mapping[str, Bars]) -> tuple[list[str], NDArray[np.float32]]:
    """Symbols with all main features and a bar among the last sessions, and their features (n, k)."""
    sessions = np.unique(np.concatenate([history.time // DAY for history in bars.values()]))
    first = sessions[-OLDEST - 1 :][0]
    stored = last_features(list(bars.values())).astype(np.float32)
    core = [get_feature_columns().index(name) for name in CORE]
    is_new = np.array([history.time[-1] // DAY >= first for history in bars.values()])
    chosen = np.flatnonzero(is_new & ~np.isnan(stored[:, core]).any(axis=1))
    symbols = list(bars)
    return [symbols[j] for j in chosen], stored[chosen]


def _column(name: str, stored: NDArray[np.float32]) -> NDArray[np.float64]:
    """A feature, or its rank among the instruments."""
    values = stored[:, get_feature_columns().index(name.removeprefix("rank_"))].astype(np.float64)
    return day_ranks(np.zeros(len(values), dtype=np.int64), values) if name.startswith("rank_") else values


def _booster(folder: str, name: str, manifest: Mapping[str, Any]) -> lightgbm.Booster:
    content = (Path(folder) / name).read_bytes()
    if hashlib.sha256(content).hexdigest() != manifest["files"][name]:
        raise SystemExit(f"{name} is not the file that was trained: its SHA-256 differs.")
    return lightgbm.Booster(model_str=content.decode())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("Usage: python predict.py bars.csv")
    table = predict(str(Path(__file__).parent), read_bars(sys.argv[1]))
    writer = csv.DictWriter(sys.stdout, list(table[0]) if table else ["symbol"])
    writer.writeheader()
    writer.writerows(table)
