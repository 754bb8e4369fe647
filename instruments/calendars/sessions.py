"""On which days a calendar trades, read from the table: what pages, schedules and checks ask."""

from datetime import date, timedelta

import numpy as np
from django.db.models import Count, Max, Min, QuerySet

from instruments.models import CalendarSession, Instrument
from instruments.quant.calendars import Sessions, as_date, as_day, computed_sessions
from instruments.universes import ALL, ever_members

NEW_YEAR = timedelta(days=14)  # without a session, at most, at either end of what is stored
_MOST_HOLIDAYS = 3  # calendar days for a session, at most, over any longer time


def read_sessions(calendar: str, first: date, last: date) -> Sessions | None:
    """From `first` to `last`, both inclusive; None where the calendar isn't filled for all of that time."""
    computed = computed_sessions(calendar, as_day(first), as_day(last))
    if computed is not None:
        return computed
    stored = CalendarSession.objects.filter(calendar=calendar)
    covered = stored.aggregate(first=Min("day"), last=Max("day"))
    if covered["first"] is None or covered["first"] - first > NEW_YEAR or last - covered["last"] > NEW_YEAR:
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


def calendar_of_universe(name: str) -> str:
    """That of most of its active instruments; "" where none has one."""
    rows = Instrument.objects.filter(active=True).exclude(calendar="").order_by()
    rows = rows if name == ALL else rows.filter(pk__in=ever_members(name))
    most = rows.values("calendar").annotate(members=Count("pk")).order_by("-members", "calendar").first()
    return str(most["calendar"]) if most else ""
