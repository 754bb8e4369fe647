"""An instrument of pure noise for the browser tests: nothing can foretell it."""

import csv
from datetime import timedelta
from pathlib import Path

import numpy as np

from tests.browser.site import Site
from tests.market import FIRST_DAY

SYMBOL = "NOISE"


def import_noise(site: Site, folder: Path, *, bars: int = 700, seed: int = 7) -> list[str]:
    """The days of a seeded random walk, imported with the product's own command."""
    rng = np.random.default_rng(seed)
    days = [(FIRST_DAY + timedelta(days=7 * (i // 5) + i % 5)).date().isoformat() for i in range(bars)]
    close = 100 * np.exp(np.cumsum(rng.standard_t(5, bars) * 0.008))
    opening = close * np.exp(rng.normal(0, 0.004, bars))
    path = folder / f"{SYMBOL}.csv"
    with path.open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(["date", "open", "high", "low", "close", "volume"])
        for day, o, c in zip(days, opening, close, strict=True):
            high, low = max(o, c) * 1.003, min(o, c) * 0.997
            lines.writerow([day, *(f"{price:.4f}" for price in (o, high, low, c)), int(rng.integers(1e6, 2e6))])
    site.manage("import_bars", str(path), "--symbol", SYMBOL)
    return days
