"""On which days a calendar trades, read from the table: what pages, schedules and checks ask."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
from django.db.models import Count, Max, Min, QuerySet

from instruments.models import CalendarSession, Instrument, Series
from instruments.quant.calendars import (
    ZONES,
    Sessions,
    TradingYear,
    as_date,
    as_day,
    computed_sessions,
    fixed_year,
    whole_years,
)
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
    return _sessions_of(list(stored.order_by("day").values_list("day", "closes_at", "is_early")))


def _sessions_of(rows: Sequence[tuple[date, datetime, bool]]) -> Sessions:
    """Day, close, and whether that is early."""
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


def trading_year_of(calendar: str) -> TradingYear | None:
    """Its sessions a year, over the whole years of the table, which has no gaps; None where there is no calendar, or it
    isn't filled."""
    if not calendar:
        return None
    if fixed := fixed_year(calendar):
        return fixed
    stored = CalendarSession.objects.filter(calendar=calendar)
    days = stored.values_list("day", flat=True)
    first, last = days.order_by("day").first(), days.order_by("-day").first()
    years = whole_years(first, last) if first and last else range(0)
    if not years:
        return None
    count = stored.filter(day__gte=date(years.start, 1, 1), day__lt=date(years.stop, 1, 1)).count()
    return TradingYear(calendar, round(count / len(years)))


def trading_year_of_members(series: Iterable[Series]) -> TradingYear | None:
    """Of the calendar that most of these series' instruments have."""
    counts = Counter(member.instrument.calendar for member in series if member.instrument.calendar)
    most = min(counts, key=lambda calendar: (-counts[calendar], calendar), default="")
    return trading_year_of(most)


def calendar_of_universe(name: str) -> str:
    """That of most of its active instruments; "" where none has one."""
    rows = Instrument.objects.filter(active=True).exclude(calendar="").order_by()
    rows = rows if name == ALL else rows.filter(pk__in=ever_members(name))
    most = rows.values("calendar").annotate(members=Count("pk")).order_by("-members", "calendar").first()
    return str(most["calendar"]) if most else ""


@dataclass(frozen=True)
class CalendarLine:
    """A calendar in use: how many active instruments trade by it, which sessions are known, and the next ones. `first`
    and `last` are None of a calendar that needs no table, and of one that isn't filled."""

    name: str
    zone: str
    instruments: int
    first: date | None
    last: date | None
    upcoming: Sessions


def calendars_in_use(now: datetime, *, upcoming: int) -> list[CalendarLine]:
    """By name; of each the next `upcoming` sessions that have not closed at `now`. Three queries, however many."""
    counts = Instrument.objects.filter(active=True).exclude(calendar="").order_by("calendar").values_list("calendar")
    counted = dict(counts.annotate(count=Count("pk")))
    stored = CalendarSession.objects.filter(calendar__in=counted).order_by()
    covered = {name: (first, last) for name, first, last in
               stored.values_list("calendar").annotate(first=Min("day"), last=Max("day"))}  # fmt: skip
    soon = now + timedelta(days=NEW_YEAR.days + 3 * upcoming)
    rows: dict[str, list[tuple[date, datetime, bool]]] = defaultdict(list)
    ahead = stored.filter(closes_at__gt=now, closes_at__lte=soon).order_by("day")
    for name, day, closes_at, is_early in ahead.values_list("calendar", "day", "closes_at", "is_early"):
        rows[name].append((day, closes_at, is_early))
    return [
        CalendarLine(
            name,
            ZONES.get(name, ""),
            count,
            *covered.get(name, (None, None)),
            _computed(name, now, upcoming) or _sessions_of(rows[name][:upcoming]),
        )
        for name, count in counted.items()
    ]


def _computed(calendar: str, now: datetime, count: int) -> Sessions | None:
    today = as_day(now.date())
    sessions = computed_sessions(calendar, today, today + 2 * count + 7)
    if sessions is None:
        return None
    start = int(np.searchsorted(sessions.closes, now.timestamp(), side="right"))
    stop = start + count
    return Sessions(sessions.days[start:stop], sessions.closes[start:stop], sessions.is_early[start:stop])
