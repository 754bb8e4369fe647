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

import numpy as np

from instruments.quant.bars import Bars
from instruments.quant.features.daily import LOOK_BACK, last_features
from instruments.quant.stale import stale_mask
from predictions.quant.recommend import advise
from training.quant.candle.model import Integrity
from training.quant.universe.model import MANIFEST, SERVED, UniverseModel, read_universe_model
from training.quant.universe.panel import CLASSES

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
    """A row for each instrument that has enough and new enough candles, the best first. A stale bar, which only carries
    the price before it forward, is no candle."""
    model, symbols = _model(Path(folder)), list(bars)
    candles = [history.where(~stale_mask(history)) for history in bars.values()]
    recent = [history.slice(max(0, len(history) - LOOK_BACK), len(history)).adjusted() for history in candles]
    features = last_features(recent).astype(np.float32)
    advice = advise(model, symbols, recent, features, oldest=OLDEST, predict=model.predict)
    ranked = np.argsort(advice.rank, kind="stable")
    return [
        {
            "symbol": symbols[j],
            "signal": CLASSES[advice.label[j]],
            **{f"p_{name.lower()}": float(advice.probabilities[j, k]) for k, name in enumerate(CLASSES)},
            "expected_return": float(advice.expected[j]),
        }
        for j in ranked[advice.rank[ranked] > 0].tolist()
    ]


def _model(folder: Path) -> UniverseModel:
    files = {name: (folder / name).read_bytes() for name in SERVED if (folder / name).exists()}
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    trained = json.loads(files[MANIFEST])["files"]
    for name in files:
        if name != MANIFEST and hashes[name] != trained[name]:
            raise SystemExit(f"{name} is not the file that was trained: its SHA-256 differs.")
    try:
        return read_universe_model(files, hashes)
    except Integrity as problem:
        raise SystemExit(str(problem)) from problem


def _bars(rows: list[dict[str, str]]) -> Bars:
    time = np.array([row["date"] for row in rows], dtype="datetime64[D]").astype("datetime64[s]").astype(np.int64)
    return Bars(time, *(np.array([float(row[name]) for row in rows]) for name in PRICES))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("Usage: python predict.py bars.csv")
    table = predict(str(Path(__file__).parent), read_bars(sys.argv[1]))
    writer = csv.DictWriter(sys.stdout, list(table[0]) if table else ["symbol"])
    writer.writeheader()
    writer.writerows(table)
