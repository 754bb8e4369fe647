"""Checks of stored bars: what they find in dirty files, what they invent in clean ones, what repairs bring back of
damaged ones, what checks cost, and what a refresh costs.

The files are not part of the project: `--data` names the folder with `dirty_*.csv.gz` and the clean ones.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from instruments.quant.bars import Bars
from scripts.benchmarks.site import environment

CLEAN = {"spy_daily_1993_2019.csv.gz": "XNYS", "sp500_5yr_A_2013_2018.csv.gz": "XNYS"}
DIRTY = {
    "dirty_cac40_8_1993_2014.csv.gz": "XPAR",
    "dirty_gspc_weekend_ffill_2015_2020.csv.gz": "XNYS",
    "dirty_pystock_2015_2017.csv.gz": "XNYS",
    "dirty_stooq6_2006_2017.csv.gz": "XNYS",
}
STOCKS = "sp500_5yr_A_2013_2018.csv.gz"
SPLITS = ((2, 1), (3, 1), (3, 2), (4, 1), (5, 1), (7, 1), (10, 1), (1, 5), (1, 10))
PLANTED = 20
NAMES = ("open", "high", "low", "close", "adj_close")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench data", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the files; without it only speed is measured")
    parser.add_argument("--series", type=int, default=500, help="series whose checks are timed (default 500)")
    parser.add_argument("--bars", type=int, default=1250, help="bars of each (default 1250)")
    parser.add_argument("--seeds", type=int, default=5, help="times that 20 splits are planted (default 5)")
    parser.add_argument("--delay", type=int, default=50, help="ms that a refreshed source takes (default 50)")
    parser.add_argument("--only", choices=("dirty", "clean", "repairs", "speed", "refresh"), help="this part alone")
    parser.add_argument("--output", type=Path, help="write the JSON here")
    options = parser.parse_args(arguments)
    result: dict[str, Any] = {}
    if options.data and options.only in (None, "dirty"):
        result["dirty"] = {name: _dirty(options.data / name, calendar) for name, calendar in DIRTY.items()}
    if options.data and options.only in (None, "clean"):
        clean = {name: _read(options.data / name) for name in CLEAN}
        result["clean"] = {name: _clean(name, bars, CLEAN[name]) for name, (bars, _) in clean.items()}
        result["splits"] = [_plant(clean[STOCKS][0], seed) for seed in range(options.seeds)]
    if options.data and options.only in (None, "repairs"):
        result["repairs"] = [_repair(options.data, seed) for seed in range(min(options.seeds, 2))]
    if options.only in (None, "speed", "refresh"):
        result |= _timed(options.only, options)
    text = json.dumps(result, indent=1)
    if options.output:
        options.output.write_text(text + "\n")
    print(text)
    return 0


def _read(path: Path) -> tuple[dict[str, Bars], set[tuple[str, str]]]:
    """Bars as the import stores them with --on-bad skip, and the rows that it names: rejected, or told twice."""
    from instruments.quant.ingest.checks import check  # noqa: PLC0415  (each part of the bench loads what it needs)
    from instruments.quant.ingest.dates import read_moments  # noqa: PLC0415
    from instruments.sources.files import read_file  # noqa: PLC0415
    from scripts.benchmarks.data_defects import days_as_text  # noqa: PLC0415

    table = read_file(path)
    checked = check(table, symbol=None if table.has_symbols else path.name.split("_")[0].upper())
    stored: dict[tuple[str, str], int] = {}
    for symbol, bars in checked.bars.items():
        stored |= {(symbol, day): 1 for day in days_as_text(bars.time // 86_400)}
    moments = read_moments(table.dates)
    seen: dict[tuple[str, str], int] = {}
    for code, place in zip(table.symbol.tolist(), table.date.tolist(), strict=True):
        key = (table.symbols[code], str(np.datetime64(int(moments.day[place]), "s"))[:10])
        seen[key] = seen.get(key, 0) + 1
    return dict(checked.bars), {key for key, count in seen.items() if count > stored.get(key, 0)}


def _dirty(path: Path, calendar: str) -> dict[str, Any]:
    from scripts.benchmarks.data_defects import (  # noqa: PLC0415
        days_as_text,
        flaws_by_symbol,
        sessions_of,
        shares_found,
        slow_defects,
    )

    bars, refused = _read(path)
    sessions = sessions_of(calendar, bars)
    defects = slow_defects(path, days_as_text(sessions))
    flaws, of_calendar = flaws_by_symbol(bars, calendar, sessions)
    shares = shares_found(defects, bars, flaws, of_calendar, refused)
    print(path.name, file=sys.stderr)
    for name, (hits, all_rows) in shares.items():
        print(f"  {name:<20} {hits:>6} of {all_rows:>6}", file=sys.stderr)
    return {name: {"found": hits, "rows": rows} for name, (hits, rows) in shares.items()}


def _clean(name: str, bars: Mapping[str, Bars], calendar: str) -> dict[str, Any]:
    from scripts.benchmarks.data_defects import count_by_check, flaws_by_symbol, sessions_of  # noqa: PLC0415

    flaws, _ = flaws_by_symbol(bars, calendar, sessions_of(calendar, bars))
    total = sum(map(len, bars.values()))
    counts = {severity: dict(count_by_check(flaws, severity)) for severity in ("bad", "warn", "info")}
    bad = sum(counts["bad"].values())
    print(f"{name}: {bad} bad in {total:,} bars, {20_000 * bad / total:.2f} in 20,000", file=sys.stderr)
    return {"bars": total, "bad_in_20000": round(20_000 * bad / total, 3), **counts}


def _plant(stocks: Mapping[str, Bars], seed: int) -> dict[str, int]:
    """Splits left unadjusted in stocks that have no other defect: found at their bar with their ratio, and invented."""
    from instruments.quant.health.checks import find_flaws  # noqa: PLC0415
    from instruments.quant.health.subject import Subject  # noqa: PLC0415

    rng = np.random.default_rng(seed)
    hits = invented = planted = 0
    for symbol in rng.permutation(sorted(stocks)).tolist():
        bars = stocks[symbol]
        if len(bars) < 1000 or any(flaw.severity != "info" for flaw in find_flaws(Subject(bars))):
            continue
        k, (n, m) = int(rng.integers(50, len(bars) - 50)), SPLITS[rng.integers(len(SPLITS))]
        factor = np.where(np.arange(len(bars)) < k, n / m, 1.0)
        prices = {name: getattr(bars, name) * factor for name in NAMES}
        unadjusted = replace(bars, volume=bars.volume / factor, **prices)
        bad = [flaw for flaw in find_flaws(Subject(unadjusted)) if flaw.severity == "bad"]
        right = [flaw for flaw in bad if flaw.first == bars.time[k] and flaw.figures.get("split") == [n, m]]
        hits, invented, planted = hits + len(right), invented + len(bad) - len(right), planted + 1
        if planted == PLANTED:
            break
    print(f"splits, seed {seed}: {hits} of {planted} found, {invented} invented", file=sys.stderr)
    return {"planted": planted, "found": hits, "invented": invented}


def _repair(folder: Path, seed: int) -> dict[str, Any]:
    """Damage done to clean stocks, and what repairs as proposed make of it."""
    from scripts.benchmarks.data_defects import sessions_of  # noqa: PLC0415
    from scripts.benchmarks.data_repairs import repaired_shares  # noqa: PLC0415

    stocks, _ = _read(folder / STOCKS)
    return repaired_shares(stocks, CLEAN[STOCKS], sessions_of(CLEAN[STOCKS], stocks), seed)


def _timed(only: str | None, options: argparse.Namespace) -> dict[str, Any]:
    """In a home and a database of their own: loading against all checks, peers and the writing of findings included;
    the page Health, an upload's preview, and a refresh against a bare fetch of the same addresses."""
    with tempfile.TemporaryDirectory(prefix="boursomatic-bench-") as folder:
        os.environ.update(environment(Path(folder)))
        import django  # noqa: PLC0415  (settings are read from the environment just made)

        django.setup()
        from scripts.benchmarks.data_pages import time_pages, time_upload  # noqa: PLC0415
        from scripts.benchmarks.data_refresh import time_refresh  # noqa: PLC0415
        from scripts.benchmarks.data_speed import time_checks  # noqa: PLC0415

        times: dict[str, Any] = {}
        if only != "refresh":
            checks = time_checks(options.series, options.bars)
            times["speed"] = {**checks, "pages": time_pages(), "upload": time_upload()}
        if only != "speed":
            times["refresh"] = time_refresh(options.series, options.delay)
        return times
