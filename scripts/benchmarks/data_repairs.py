"""Clean stocks damaged in the ways that files are, checked, and repaired as proposed: how many closes come back."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from instruments.quant.bars import Bars
from instruments.quant.calendars import Days
from instruments.quant.health.checks import find_flaws
from instruments.quant.health.repairs import NoRepair, propose
from instruments.quant.health.subject import Subject

DAY = 86_400
RIGHT = 1e-3  # of the original close
ROUNDS = 20  # of repairs in one stock
RATIOS = (2.0, 3.0, 1.5, 4.0, 5.0, 7.0, 10.0, 0.5, 0.2, 0.1)
SCALES = (*RATIOS, 100.0, 0.01, 20.0)
PRICES = ("open", "high", "low", "close", "adj_close")


def _half_split(bars: Bars, rng: np.random.Generator) -> Bars:
    """5 to 60 bars on the scale of a split that no other bar has, volumes too."""
    start = int(rng.integers(50, len(bars) - 120))
    return _scaled(bars, start, start + int(rng.integers(5, 61)), float(rng.choice(RATIOS)), volume=True)


def _rescaled(bars: Bars, rng: np.random.Generator) -> Bars:
    """100 to 400 bars on another scale, their volumes as they were."""
    length = int(rng.integers(100, 401))
    start = int(rng.integers(50, len(bars) - length - 50))
    return _scaled(bars, start, start + length, float(rng.choice(SCALES)), volume=False)


def _slips(bars: Bars, rng: np.random.Generator) -> Bars:
    """Five closes, or whole bars, ten times too high or too low."""
    for k in (100 + 150 * np.arange(5) + rng.integers(0, 100, 5)).tolist():
        factor = float(rng.choice((10.0, 0.1)))
        if rng.random() < 0.5:
            bars = _scaled(bars, k, k + 1, factor, volume=False)
            continue
        columns = {name: getattr(bars, name).copy() for name in PRICES}
        columns["close"][k] *= factor
        columns["adj_close"][k] *= factor
        columns["high"][k] = max(columns["high"][k], columns["close"][k])
        columns["low"][k] = min(columns["low"][k], columns["close"][k])
        bars = replace(bars, **columns)
    return bars


def _weekend_copies(bars: Bars, rng: np.random.Generator) -> Bars:
    """The Fridays of half a year repeated on the days after them."""
    start = int(rng.integers(50, len(bars) - 180))
    fridays = start + np.flatnonzero((bars.time[start : start + 126] // DAY + 3) % 7 == 4)
    copies = [Bars(bars.time[fridays] + days * DAY, *_numbers(bars, fridays)) for days in (1, 2)]
    time = np.concatenate([bars.time, *(copy.time for copy in copies)])
    order = np.argsort(time)
    columns = [
        np.concatenate([getattr(each, name) for each in (bars, *copies)])[order] for name in list(vars(bars))[1:]
    ]
    return Bars(time[order], *columns)


DAMAGES: Mapping[str, Callable[[Bars, np.random.Generator], Bars]] = {
    "half_split": _half_split,
    "rescaled": _rescaled,
    "slip": _slips,
    "weekend_copies": _weekend_copies,
}


def repaired_shares(stocks: Mapping[str, Bars], calendar: str, sessions: Days, seed: int) -> dict[str, Any]:
    """By damage, over every clean stock: closes that are within RIGHT of the original and at no day that had none,
    of all, and of those that the damage changed or added."""
    rng = np.random.default_rng(seed)
    clean = [s for s in sorted(stocks) if len(stocks[s]) >= 1000 and not _flaws(stocks[s], calendar, sessions)]
    shares = {}
    for name, damage in DAMAGES.items():
        right = total = right_damaged = damaged = steps = 0
        for symbol in clean:
            original = stocks[symbol]
            broken = damage(original, rng)
            mended, repairs = repair_all(broken, calendar, sessions)
            days = np.union1d(original.time, broken.time)
            is_damaged, is_right = ~_is_right(original, broken, days), _is_right(original, mended, days)
            right, total, steps = right + int(is_right.sum()), total + len(is_right), steps + repairs
            right_damaged, damaged = right_damaged + int((is_right & is_damaged).sum()), damaged + int(is_damaged.sum())
        shares[name] = {
            "stocks": len(clean),
            "repairs": steps,
            "closes": total,
            "right": round(right / total, 5),
            "damaged": damaged,
            "damaged_right": round(right_damaged / damaged, 4),
        }
        print(f"{name}: {shares[name]}", file=sys.stderr)
    return shares


def repair_all(bars: Bars, calendar: str, sessions: Days) -> tuple[Bars, int]:
    """Every proposal applied, the first first, until there is none; and how many were."""
    for done in range(ROUNDS):
        subject = _subject(bars, calendar, sessions)
        for flaw in sorted(find_flaws(subject), key=lambda flaw: flaw.first):
            try:
                repair = propose(subject, flaw)
            except NoRepair:
                continue
            bars = repair.after.where(~repair.removed)
            break
        else:
            return bars, done
    return bars, ROUNDS


def _is_right(original: Bars, other: Bars, days: np.ndarray) -> np.ndarray:
    """At each of the times whether there is the original's close, or none where that has none."""
    closes = [np.zeros(len(days)), np.zeros(len(days))]
    for column, bars in zip(closes, (original, other), strict=True):
        column[np.searchsorted(days, bars.time)] = bars.close
    right: np.ndarray = np.abs(closes[1] - closes[0]) <= RIGHT * closes[0]
    return right


def _flaws(bars: Bars, calendar: str, sessions: Days) -> list[str]:
    flaws = find_flaws(_subject(bars, calendar, sessions))
    return [flaw.check for flaw in flaws if flaw.severity != "info"]


def _subject(bars: Bars, calendar: str, sessions: Days) -> Subject:
    days = bars.time // DAY
    own = sessions[(sessions >= days[0]) & (sessions <= days[-1])]
    return Subject(bars, "1d", calendar, sessions=own)


def _scaled(bars: Bars, start: int, stop: int, ratio: float, *, volume: bool) -> Bars:
    factor = np.ones(len(bars))
    factor[start:stop] = ratio
    prices = {name: getattr(bars, name) * factor for name in PRICES}
    return replace(bars, volume=bars.volume / factor if volume else bars.volume, **prices)


def _numbers(bars: Bars, places: np.ndarray) -> list[np.ndarray]:
    return [getattr(bars, name)[places] for name in list(vars(bars))[1:]]
