"""Texts of dates to seconds, in the spellings that sources of prices use.

What could be read in two ways is not read at all: 3/4/2020 counts only where another date of the same file, such as
3/25/2020, tells which number is the month, or somebody says so.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Reading = TypeVar("Reading")
DAY = 86_400
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clock; the offset is kept beside it
_FIRST_YEAR, _LAST_YEAR = 1700, 2200
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_CLOCK = (
    r"(?:[T ,]+(?P<hour>\d{1,2})(?:(?::?(?P<minute>\d\d))(?::?(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?)?"
    r"[ -]*(?P<half>[AP]M)?"
    r" *(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?)?"
)
_FLAGS = re.IGNORECASE | re.ASCII
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})(?:(?P<sign>[-/.])|(?=\d{4}(?!\d)))(?P<month>\d{1,2})(?(sign)(?P=sign))(?P<day>\d{1,2})" + _CLOCK,
    _FLAGS,
)
_YEAR_LAST = re.compile(r"(?P<a>\d{1,2})([-/.])(?P<b>\d{1,2})\2(?P<year>\d{4})" + _CLOCK, _FLAGS)
_DAY_NAMED = re.compile(r"(?P<day>\d{1,2})[- ](?P<name>[a-z]{3})[a-z]*\.?[- ,]+(?P<year>\d{4}|\d\d)" + _CLOCK, _FLAGS)
_MONTH_NAMED = re.compile(r"(?P<name>[a-z]{3})[a-z]*\.? (?P<day>\d{1,2}),? (?P<year>\d{4})" + _CLOCK, _FLAGS)
_NUMBER = re.compile(r"(?P<whole>-?\d{9,19})(?:\.(?P<part>\d+))?", re.ASCII)
_UNITS = {9: 1, 10: 1, 12: 10**3, 13: 10**3, 15: 10**6, 16: 10**6, 18: 10**9, 19: 10**9}  # digits: parts of a second


@dataclass(frozen=True)
class Moments:
    """n dates. Where `reasons[i]` isn't empty the date was not read and the numbers mean nothing.

    `utc` is seconds since 1970 UTC; `day` is the midnight of the date as written, as if it were UTC: a daily bar of
    2020-01-02 00:00 in New York is the bar of 2 January. `order` is which number comes first where a month is written
    as one: day, month, or "" where no date tells; `two_ways` are the dates that were not read for lack of it.
    """

    utc: NDArray[np.int64]
    day: NDArray[np.int64]
    reasons: tuple[str, ...]
    order: str
    two_ways: NDArray[np.bool_]


@dataclass(frozen=True)
class _Open:
    """A date whose month is one of two numbers."""

    a: int
    b: int
    year: int
    match: re.Match[str]


class _Unread(ValueError):
    """The sentence says why."""


class _TwoWays(_Unread):
    """Nothing tells which number is the month."""


def read_moments(texts: Sequence[str], *, order: str = "") -> Moments:
    """Distinct texts of one file, together: they tell each other the order of day and month. Where they don't, `order`
    says it: day, month, or "" for unknown."""
    readings = [_try(_read, text) for text in texts]
    waiting = [item for item in readings if isinstance(item, _Open)]
    day_first = any(item.a > 12 >= item.b for item in waiting)
    month_first = any(item.b > 12 >= item.a for item in waiting)
    if day_first != month_first:
        order = "day" if day_first else "month"
    utc, day = np.zeros(len(readings), dtype=np.int64), np.zeros(len(readings), dtype=np.int64)
    reasons, two_ways = [""] * len(readings), np.zeros(len(readings), dtype=np.bool_)
    for i, item in enumerate(readings):
        settled = _try(lambda open_date: _settle(open_date, order), item) if isinstance(item, _Open) else item
        if isinstance(settled, tuple):
            wall, offset = settled
            utc[i], day[i] = wall - offset, wall - wall % DAY
        else:
            reasons[i], two_ways[i] = str(settled), isinstance(settled, _TwoWays)
    return Moments(utc, day, tuple(reasons), order if waiting else "", two_ways)


def _try(read: Callable[[T], Reading], value: T) -> Reading | _Unread:
    try:
        return read(value)
    except _Unread as reason:
        return reason


def _read(text: str) -> tuple[int, int] | _Open:
    """Wall clock and offset in seconds, or a date that others must settle."""
    if not text:
        raise _Unread("the date is missing")
    if number := _NUMBER.fullmatch(text):
        return _from_number(number)
    if match := _YEAR_FIRST.fullmatch(text):
        return _build(int(match["year"]), int(match["month"]), int(match["day"]), match)
    if match := _YEAR_LAST.fullmatch(text):
        return _Open(int(match["a"]), int(match["b"]), int(match["year"]), match)
    if (match := _DAY_NAMED.fullmatch(text) or _MONTH_NAMED.fullmatch(text)) and match["name"].lower() in _MONTHS:
        year = int(match["year"])
        if len(match["year"]) == 2:
            year += 1900 if year > 68 else 2000
        return _build(year, _MONTHS.index(match["name"].lower()) + 1, int(match["day"]), match)
    raise _Unread(f"the date {_shown(text)} can't be read")


def _settle(item: _Open, order: str) -> tuple[int, int]:
    if item.a == item.b or item.a > 12 or item.b > 12:  # only one reading is a date, whatever the others say
        order = "day" if item.a > 12 else "month"
    if not order:
        text = _shown(item.match.string)
        raise _TwoWays(f"the date {text} could be read in two ways: write it as {item.year}-MM-DD")
    day, month = (item.a, item.b) if order == "day" else (item.b, item.a)
    return _build(item.year, month, day, item.match)


def _from_number(match: re.Match[str]) -> tuple[int, int]:
    whole, digits = int(match["whole"]), len(match["whole"].lstrip("-"))
    unit = _UNITS.get(digits)
    if unit is None:
        raise _Unread(f"the date {match.string} is a number of {digits} digits: neither seconds nor milliseconds")
    if whole % unit or int(match["part"] or 0):
        raise _Unread(f"the date {match.string} is not a whole second")
    year = (_EPOCH + timedelta(seconds=whole // unit)).year
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise _Unread(f"the date {match.string} is in the year {year}")
    return whole // unit, 0


def _build(year: int, month: int, day: int, match: re.Match[str]) -> tuple[int, int]:
    text = match.string
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise _Unread(f"the date {_shown(text)} is in the year {year}")
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if match["half"]:
        if not 1 <= hour <= 12:
            raise _Unread(f"the date {_shown(text)} can't be read")
        hour = hour % 12 + (12 if match["half"].upper() == "PM" else 0)
    if int(match["fraction"] or 0):
        raise _Unread(f"the date {_shown(text)} is not a whole second")
    try:
        wall = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - wall clock
    except ValueError:
        raise _Unread(f"the date {_shown(text)} is not in the calendar") from None
    delta = wall - _EPOCH
    return delta.days * DAY + delta.seconds, _offset(match["zone"])


def _offset(zone: str | None) -> int:
    if not zone or zone.upper() in ("Z", "UTC", "GMT"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:]) * 60
    return -seconds if zone[0] == "-" else seconds


def _shown(text: str) -> str:
    return repr(text[:40])


def day_in_words(seconds: int) -> str:
    """As a person would say it: 3 April 2012."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment.day} {moment:%B %Y}"


def iso(seconds: int) -> str:
    """UTC, ISO 8601, ending in Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
