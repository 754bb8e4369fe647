"""When a refresh is worth its while: the day's bars of a universe are final at their source."""

from datetime import UTC, datetime, timedelta

import numpy as np

from instruments.calendars.sessions import read_sessions
from instruments.imports.sources import kind_of
from instruments.models import Instrument, Source
from instruments.quant.calendars import ZONES, Sessions, as_day
from instruments.quant.finality import Finality, day_end
from instruments.universes import ALL

_BEFORE, _AHEAD = timedelta(days=4), timedelta(days=21)  # of sessions looked at


def next_final(source: str, universe: str, after: datetime) -> datetime:
    """The first moment later than `after` at which all that a universe trades on a day is final at the source: its last
    calendar has closed, and the source has had its time. Weekdays, to midnight, where no calendar is filled."""
    kind = kind_of(row) if (row := Source.objects.filter(name=source).first()) else None
    finality = Finality(kind.final_after, kind.final_at, kind.zone or "UTC") if kind else Finality()
    moments: dict[int, int] = {}
    for calendar in _calendars(universe):
        sessions = _sessions(calendar, finality.zone, after)
        for day, close in zip(sessions.days.tolist(), sessions.closes.tolist(), strict=True):
            moments[day] = max(moments.get(day, 0), finality.moment(day, close))
    return datetime.fromtimestamp(min(moment for moment in moments.values() if moment > after.timestamp()), UTC)


def _calendars(universe: str) -> set[str]:
    rows = Instrument.objects.filter(active=True)
    rows = rows if universe == ALL else rows.filter(universes__name=universe)
    calendars = set(rows.order_by().values_list("calendar", flat=True).distinct())
    return calendars - {""} or {""}


def _sessions(calendar: str, zone: str, after: datetime) -> Sessions:
    first, last = after.date() - _BEFORE, after.date() + _AHEAD
    sessions = read_sessions(calendar, first, last) if calendar else None
    if sessions is not None and len(sessions):
        return sessions
    days = np.arange(as_day(first), as_day(last) + 1, dtype=np.int64)
    days = days[np.is_busday(days.astype("datetime64[D]"))]
    closes = np.array([day_end(ZONES.get(calendar, zone), day) for day in days.tolist()], dtype=np.int64)
    return Sessions(days, closes, np.zeros(len(days), dtype=np.bool_))
