"""On which days a calendar trades, read from the table: what pages, schedules and checks ask."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta

import numpy as np
from django.db.models import Max, Min, QuerySet

from instruments.models import CalendarSession, Instrument
from instruments.quant.calendars import Sessions, as_date, as_day, computed_sessions

_NEW_YEAR = timedelta(days=14)  # without a session, at most, at either end of what is stored
_MOST_HOLIDAYS = 3  # calendar days for a session, at most, over any longer time


def read_sessions(calendar: str, first: date, last: date) -> Sessions | None:
    """From `first` to `last`, both inclusive; None where the calendar isn't filled for all of that time."""
    computed = computed_sessions(calendar, as_day(first), as_day(last))
    if computed is not None:
        return computed
    stored = CalendarSession.objects.filter(calendar=calendar)
    covered = stored.aggregate(first=Min("day"), last=Max("day"))
    if covered["first"] is None or covered["first"] - first > _NEW_YEAR or last - covered["last"] > _NEW_YEAR:
        return None
    return _as_sessions(stored.filter(day__range=(first, last)))


def stored_sessions(calendar: str) -> Sessions:
    """All that the table has."""
    return _as_sessions(CalendarSession.objects.filter(calendar=calendar))


def _as_sessions(stored: QuerySet[CalendarSession]) -> Sessions:
    rows = list(stored.order_by("day").values_list("day", "closes_at", "is_early"))
    return Sessions(
        np.array([as_day(day) for day, _, _ in rows], dtype=np.int64),
        np.array([int(closes.timestamp()) for _, closes, _ in rows], dtype=np.int64),
        np.array([is_early for _, _, is_early in rows], dtype=np.bool_),
    )


def sessions_between(first: date, last: date, calendar: str = "") -> int:
    """Sessions from `first` on and before `last`, weekdays where no calendar is filled; as many below zero where `last`
    comes first."""
    if last < first:
        return -sessions_between(last, first, calendar)
    sessions = read_sessions(calendar, first, last) if calendar and first < last else None
    if sessions is None:
        return int(np.busday_count(first, last))
    return int(np.count_nonzero(sessions.days < as_day(last)))


def session_after(day: date, count: int, calendar: str = "") -> date:
    """The `count`-th session after `day`, a weekday where no calendar is filled."""
    sessions = (
        read_sessions(calendar, day + timedelta(1), day + timedelta(_MOST_HOLIDAYS * count + 14)) if calendar else None
    )
    if sessions is None or len(sessions) < count:
        return as_date(int(np.busday_offset(day, count, roll="forward").astype(np.int64)))
    return as_date(int(sessions.days[count - 1]))


def calendar_of(instruments: Iterable[int] | None = None) -> str:
    """That of most of these instruments (by key), of the active ones where none are named; "" where none has one."""
    rows = Instrument.objects.exclude(calendar="")
    rows = rows.filter(active=True) if instruments is None else rows.filter(pk__in=list(instruments))
    counted = Counter(rows.values_list("calendar", flat=True))
    return counted.most_common(1)[0][0] if counted else ""
