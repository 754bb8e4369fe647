"""Defects of files of bars, row by row and slowly, from their plain definitions; and which of them checks find."""

import csv
import gzip
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from instruments.calendars.exchange import exchange_sessions
from instruments.quant.bars import Bars
from instruments.quant.calendars import DAY, Days, as_date
from instruments.quant.health.agreement import DayCounts, agree_on_sessions, crowded_days
from instruments.quant.health.checks import find_flaws
from instruments.quant.health.flaws import Flaw
from instruments.quant.health.prices import is_unusual
from instruments.quant.health.subject import Subject

Key = tuple[str, str]  # symbol and day
COUNTERS = (
    "dups_symbol_date",
    "nan_rows",
    "ohlc_bad",
    "nonpos_price",
    "zero_volume",
    "flat_bars",
    "jumps_gt40pct",
    "sessions_missing",
    "dates_off_calendar",
    "symbols_with_gaps",
)


BY_IMPORT = ("dups_symbol_date", "nan_rows", "ohlc_bad", "nonpos_price")
OF_DAYS = ("sessions_missing", "symbols_with_gaps")  # without a row


@dataclass(frozen=True)
class Defects:
    """By counter, the rows meant: symbol, day, and the day of the row before where the defect lies between two."""

    rows: Mapping[str, list[tuple[str, str, str]]]


def slow_defects(path: Path, sessions: set[str]) -> Defects:
    """Each row by itself, ordered by symbol and day, no numpy: what the counters of the data's manifest mean."""
    rows: dict[str, list[tuple[str, str, str]]] = {name: [] for name in COUNTERS}
    before: dict[str, tuple[str, float]] = {}
    days: dict[str, set[str]] = {}
    with gzip.open(path, "rt", newline="") as file:
        for row in sorted(csv.DictReader(file), key=lambda row: (row["symbol"], row["date"])):
            symbol, day = row["symbol"], row["date"][:10]
            opened, high, low, close = (float(row[name] or "nan") for name in ("open", "high", "low", "close"))
            last_day, last_close = before.get(symbol, ("", math.nan))
            prices = (opened, high, low, close)
            is_whole = not any(map(math.isnan, prices))
            tests = {
                "dups_symbol_date": day in days.setdefault(symbol, set()),
                "nan_rows": not is_whole,
                "ohlc_bad": is_whole and (high < max(prices) or low > min(prices)),
                "nonpos_price": min(prices) <= 0,
                "zero_volume": float(row["volume"] or "nan") == 0,
                "flat_bars": opened == high == low == close,
                "jumps_gt40pct": abs(close / last_close - 1) > 0.4,
                "dates_off_calendar": day not in sessions and day not in days[symbol],
            }
            for name, holds in tests.items():
                if holds:
                    rows[name].append((symbol, day, last_day))
            days[symbol].add(day)
            before[symbol] = (day, close)
    for symbol, with_bars in days.items():
        gaps = sorted(day for day in sessions if min(with_bars) < day < max(with_bars) and day not in with_bars)
        rows["sessions_missing"] += [(symbol, day, "") for day in gaps]
        rows["symbols_with_gaps"] += [(symbol, gaps[0], "")] if gaps else []
    return Defects(rows)


def sessions_of(calendar: str, bars: Mapping[str, Bars]) -> Days:
    """All sessions from the first bar of any to the last."""
    first = min(int(each.time[0]) for each in bars.values()) // DAY
    last = max(int(each.time[-1]) for each in bars.values()) // DAY
    return exchange_sessions(calendar, as_date(first), as_date(last)).days


def flaws_by_symbol(
    bars: Mapping[str, Bars], calendar: str, sessions: Days | None
) -> tuple[dict[str, list[Flaw]], list[Flaw]]:
    """As the service goes about it: what most instruments say about a day first, then each by itself."""
    counts = DayCounts(
        min(int(each.time[0]) for each in bars.values()) // DAY,
        max(int(each.time[-1]) for each in bars.values()) // DAY,
    )
    for each in bars.values():
        counts.add(each.time // DAY, is_unusual(Subject(each)))
    agreement = agree_on_sessions(calendar, sessions, counts) if sessions is not None else None
    crowded = crowded_days(counts)
    flaws = {}
    for symbol, each in bars.items():
        days = each.time // DAY
        own = None
        if agreement is not None:
            own = agreement.sessions[(agreement.sessions >= days[0]) & (agreement.sessions <= days[-1])]
        flaws[symbol] = find_flaws(Subject(each, "1d", calendar, sessions=own, peers_moved=np.isin(days, crowded)))
    return flaws, agreement.flaws if agreement else []


def shares_found(
    defects: Defects,
    bars: Mapping[str, Bars],
    flaws: Mapping[str, list[Flaw]],
    of_calendar: list[Flaw],
    refused: set[Key],
) -> dict[str, tuple[int, int]]:
    """(found, all) by counter. Found: a check names the day, or the one before where the defect lies between two; the
    import refused the row, and what it stored of that day, if anything, is without the defect; or, of what the import
    looks for itself, it is among the rows that it rejects or counts as told twice, `refused`."""
    named = {(symbol, day) for symbol, own in flaws.items() for flaw in own for day in days_as_text(flaw.times // DAY)}
    shared = {day for flaw in of_calendar for day in days_as_text(flaw.times // DAY)}
    stored = {name: set[Key]() for name in ("any", "zero_volume", "flat_bars", "jumps_gt40pct")}
    for symbol, each in bars.items():
        kinds = {
            "any": np.ones(len(each), dtype=np.bool_),
            "zero_volume": each.volume == 0,
            "flat_bars": (each.open == each.high) & (each.high == each.low) & (each.low == each.close),
            "jumps_gt40pct": np.append(False, np.abs(each.close[1:] / each.close[:-1] - 1) > 0.4),
        }
        for name, mask in kinds.items():
            stored[name] |= {(symbol, day) for day in days_as_text(each.time[mask] // DAY)}
    share = {}
    for name, rows in defects.rows.items():
        with_defect = stored.get(name, stored["any"])
        hits = sum(
            (symbol, day) in named
            or day in shared
            or (symbol, before) in named
            or (name in BY_IMPORT and (symbol, day) in refused)
            or (name not in OF_DAYS and (symbol, day) in refused and (symbol, day) not in with_defect)
            for symbol, day, before in rows
        )
        share[name] = (hits, len(rows))
    return share


def count_by_check(flaws: Mapping[str, list[Flaw]], severity: str) -> Counter[str]:
    return Counter(flaw.check for own in flaws.values() for flaw in own if flaw.severity == severity)


def days_as_text(days: Days) -> set[str]:
    return {as_date(day).isoformat() for day in days.tolist()}
