"""What this ensemble says at the close of each candle: `python predict.py bars.csv`, see README.md.

Goes into the zip of an ensemble with the modules that it imports: nothing else of the project is needed.
"""

import csv
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from instruments.quant.bars import Bars
from instruments.quant.stale import stale_mask
from training.quant.candle.model import MANIFEST, CandleModel, Integrity
from training.quant.ensemble.model import EnsembleModel, read_served

PRICES = ("open", "high", "low", "close", "volume", "adj_close")


def read_bars(path: str) -> Bars:
    """From a CSV with a line for each candle."""
    with Path(path).open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["date"])
    time = np.array([row["date"].removesuffix("Z") for row in rows], dtype="datetime64[s]").astype(np.int64)
    return Bars(time, *(np.array([float(row[name]) for row in rows]) for name in PRICES))


def predict(folder: str, bars: Bars) -> list[dict[str, Any]]:
    """A row for each candle whose features are defined, oldest first. A stale bar, which only carries the price before
    it forward, is no candle."""
    manifest, model = _model(Path(folder))
    candles = (bars if manifest["rows_rule"] == 1 else bars.where(~stale_mask(bars))).adjusted()
    scores = model.probability(model.features(candles))
    return [
        {
            "date": f"{np.datetime64(int(time), 's')}Z",
            "score": float(score),
            "signal": "up" if score >= model.threshold else "down",
        }
        for time, score in zip(candles.time, scores, strict=True)
        if not np.isnan(score)
    ]


def _model(folder: Path) -> tuple[dict[str, Any], CandleModel | EnsembleModel]:
    manifest = json.loads((folder / MANIFEST).read_text())
    files = {name: (folder / name).read_bytes() for name in (*manifest["files"], MANIFEST)}
    expected = {**manifest["files"], MANIFEST: hashlib.sha256(files[MANIFEST]).hexdigest()}
    try:
        return manifest, read_served(files, expected)
    except Integrity as problem:
        raise SystemExit(str(problem)) from problem


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("Usage: python predict.py bars.csv")
    table = predict(str(Path(__file__).parent), read_bars(sys.argv[1]))
    writer = csv.DictWriter(sys.stdout, ["date", "score", "signal"])
    writer.writeheader()
    writer.writerows(table)
