"""Bars made for benchmarks, where no file is named: a seeded random walk of business days."""

import csv
from pathlib import Path

import numpy as np


def write_walk(path: Path, *, rows: int, seed: int) -> None:
    """A CSV of `rows` daily bars from 2000-01-03 on, without any signal."""
    rng = np.random.default_rng(seed)
    days = np.busday_offset("2000-01-03", np.arange(rows), roll="forward")
    close = 100 * np.exp(np.cumsum(rng.standard_t(5, rows) * 0.008))
    open_ = close * np.exp(rng.normal(0, 0.004, rows))
    high = np.maximum(open_, close) * (1 + np.abs(rng.normal(0, 0.003, rows)))
    low = np.minimum(open_, close) * (1 - np.abs(rng.normal(0, 0.003, rows)))
    volume = rng.lognormal(16, 0.5, rows).round()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "open", "high", "low", "close", "volume"])
        writer.writerows(zip(days.astype(str), open_, high, low, close, volume, strict=True))
