"""Which calendar an instrument trades by, and the two calendars that need no table: coins and currencies."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int64]  # days since 1970-01-01
Mask = NDArray[np.bool_]

DAY = 86_400
ALWAYS = "24/7"  # coins: every day, which ends at midnight UTC
CURRENCIES = "FX"  # Sunday to Friday, 17:00 in New York: five days, each named after the day it ends on
OWN = "own"  # no calendar fits: the days of its own bars
_NEW_YORK = ZoneInfo("America/New_York")
_FX_CLOSE = time(17)
_FIRST_MONDAY = 4  # 1970-01-05
_NEW_YEAR = 14  # days around it on which exchanges may be closed
_SESSIONS_A_YEAR: Mapping[str, int] = {ALWAYS: 365, CURRENCIES: 261}  # of those without holidays

ZONES: Mapping[str, str] = {
    "XNYS": "America/New_York",
    "XTSE": "America/Toronto",
    "XLON": "Europe/London",
    "XPAR": "Europe/Paris",
    "XAMS": "Europe/Amsterdam",
    "XBRU": "Europe/Brussels",
    "XLIS": "Europe/Lisbon",
    "XETR": "Europe/Berlin",
    "XMIL": "Europe/Rome",
    "XMAD": "Europe/Madrid",
    "XSWX": "Europe/Zurich",
    "XWBO": "Europe/Vienna",
    "XDUB": "Europe/Dublin",
    "XSTO": "Europe/Stockholm",
    "XCSE": "Europe/Copenhagen",
    "XHEL": "Europe/Helsinki",
    "XOSL": "Europe/Oslo",
    "XWAR": "Europe/Warsaw",
    "XTKS": "Asia/Tokyo",
    "XHKG": "Asia/Hong_Kong",
    "XSHG": "Asia/Shanghai",
    "XKRX": "Asia/Seoul",
    "XBOM": "Asia/Kolkata",
    "XSES": "Asia/Singapore",
    "XASX": "Australia/Sydney",
    "BVMF": "America/Sao_Paulo",
    CURRENCIES: "America/New_York",
    ALWAYS: "UTC",
}
# Endings as Yahoo writes them, which most sources follow.
_SUFFIXES: Mapping[str, str] = {
    "PA": "XPAR", "L": "XLON", "DE": "XETR", "F": "XETR", "AS": "XAMS", "BR": "XBRU", "LS": "XLIS", "MI": "XMIL",
    "MC": "XMAD", "SW": "XSWX", "VI": "XWBO", "IR": "XDUB", "ST": "XSTO", "CO": "XCSE", "HE": "XHEL", "OL": "XOSL",
    "WA": "XWAR", "TO": "XTSE", "T": "XTKS", "HK": "XHKG", "SS": "XSHG", "SZ": "XSHG", "KS": "XKRX", "NS": "XBOM",
    "BO": "XBOM", "SI": "XSES", "AX": "XASX", "SA": "BVMF", "US": "XNYS",
}  # fmt: skip
_INDICES: Mapping[str, str] = {
    "^GSPC": "XNYS", "^DJI": "XNYS", "^IXIC": "XNYS", "^NDX": "XNYS", "^RUT": "XNYS", "^VIX": "XNYS", "^FCHI": "XPAR",
    "^GDAXI": "XETR", "^FTSE": "XLON", "^N225": "XTKS", "^HSI": "XHKG", "^AEX": "XAMS", "^SSMI": "XSWX",
    "^IBEX": "XMAD", "^GSPTSE": "XTSE", "^AXJO": "XASX", "^BVSP": "BVMF",
}  # fmt: skip
_MONEY = "USD|USDT|USDC|BUSD|EUR|GBP|JPY|CHF|AUD|CAD|BTC|ETH"
_COIN = re.compile(rf"[A-Z0-9]{{2,10}}[-/](?:{_MONEY})")
_ENOUGH = 60  # bars that a calendar is recognised by
SAME = 0.99  # of the days that either has, those that both have
SIMILAR = 0.85  # where bars are missing
_ON_SESSIONS = 0.98  # of the days with a bar, those on which the calendar trades


@dataclass(frozen=True)
class Sessions:
    """Ascending days on which a calendar trades; `closes` in seconds since 1970 UTC, `is_early` where that is before
    the usual hour."""

    days: Days
    closes: Days
    is_early: Mask

    def __len__(self) -> int:
        return len(self.days)

    def between(self, first: int, last: int) -> "Sessions":
        """Those of days `first` to `last`, both inclusive."""
        start, stop = np.searchsorted(self.days, [first, last + 1])
        return Sessions(self.days[start:stop], self.closes[start:stop], self.is_early[start:stop])


@dataclass(frozen=True)
class TradingYear:
    """A calendar's sessions in a mean year, as a whole number: one year more in its table changes nothing."""

    calendar: str
    sessions: int


def fixed_year(calendar: str) -> TradingYear | None:
    """Of a calendar that needs no table."""
    return TradingYear(calendar, _SESSIONS_A_YEAR[calendar]) if calendar in _SESSIONS_A_YEAR else None


def whole_years(first: date, last: date) -> range:
    """The calendar years that are known as a whole where all sessions from `first` to `last` are: neither begins or
    ends one more than two weeks from New Year."""
    return range(
        first.year + (first > date(first.year, 1, _NEW_YEAR)),
        last.year + (last > date(last.year, 12, 31 - _NEW_YEAR)),
    )


def calendar_by_name(symbol: str, currency: str) -> str:
    """From the symbol's ending and the currency; "" where these don't tell."""
    if symbol in _INDICES:
        return _INDICES[symbol]
    if symbol.endswith("=X"):
        return CURRENCIES
    if _COIN.fullmatch(symbol):
        return ALWAYS
    _, dot, ending = symbol.rpartition(".")
    if dot and ending.upper() in _SUFFIXES:
        return _SUFFIXES[ending.upper()]
    return "XNYS" if currency == "USD" and symbol.isalpha() else ""


def can_tell(days: Days) -> bool:
    """Whether there are enough days with bars to recognise a calendar by."""
    return len(days) >= _ENOUGH


def calendar_by_days(days: Days, calendars: Mapping[str, Sessions], *, least: float = SIMILAR) -> str:
    """The calendar whose sessions are most like `days` (ascending, of bars that were traded); OWN where none shares
    `least` of all their days."""
    likeness = {}
    for name, sessions in calendars.items():
        within = sessions.between(int(days[0]), int(days[-1])).days
        shared = len(np.intersect1d(days, within, assume_unique=True))
        if shared >= _ON_SESSIONS * len(days):
            likeness[name] = shared / (len(days) + len(within) - shared)
    likeness[ALWAYS] = len(days) / (int(days[-1]) - int(days[0]) + 1)
    best = max(likeness, key=lambda name: likeness[name])
    return best if likeness[best] >= least else OWN


def computed_sessions(calendar: str, first: int, last: int) -> Sessions | None:
    """Of days `first` to `last`, for the two calendars that have no holidays; None for any other."""
    days = np.arange(first, last + 1, dtype=np.int64)
    if calendar == ALWAYS:
        return Sessions(days, (days + 1) * DAY, np.zeros(len(days), dtype=np.bool_))
    if calendar == CURRENCIES:
        days = days[(days - _FIRST_MONDAY) % 7 < 5]
        closes = [datetime.combine(as_date(day), _FX_CLOSE, _NEW_YORK).timestamp() for day in days.tolist()]
        return Sessions(days, np.array(closes, dtype=np.int64), np.zeros(len(days), dtype=np.bool_))
    return None


def session_days(time: NDArray[np.int64], timeframe: str, calendar: str) -> Days:
    """The day that each bar belongs to: its own of daily bars; of shorter ones, named by their opening (UTC), the day
    in the calendar's zone."""
    if timeframe in ("1d", "1w") or calendar not in ZONES:
        return time // DAY
    return (time + _offsets(time, ZONES[calendar]) + (7 * 3600 if calendar == CURRENCIES else 0)) // DAY


def day_begins(day: int, timeframe: str, calendar: str) -> int:
    """Seconds since 1970 from which bars belong to the day or a later one: the reverse of `session_days`."""
    if timeframe in ("1d", "1w") or calendar not in ZONES:
        return day * DAY
    midnight = datetime.combine(as_date(day), time(), ZoneInfo(ZONES[calendar]))
    return int(midnight.timestamp()) - (7 * 3600 if calendar == CURRENCIES else 0)


def _offsets(time: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Seconds to add for local time. Asked once a day: clocks change at night, when exchanges are closed."""
    days, place = np.unique(time // DAY, return_inverse=True)
    local = ZoneInfo(zone)
    offsets = [datetime.fromtimestamp(day * DAY + DAY // 2, local).utcoffset() or timedelta() for day in days.tolist()]
    return np.array([int(offset.total_seconds()) for offset in offsets], dtype=np.int64)[place]


def as_date(day: int) -> date:
    return datetime.fromtimestamp(day * DAY, UTC).date()


def as_day(moment: date) -> int:
    return moment.toordinal() - date(1970, 1, 1).toordinal()
