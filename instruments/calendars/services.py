"""Calendars filled: which one each instrument trades by, and the sessions of those that are needed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Max, Min, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from instruments.calendars.sessions import NEW_YEAR, stored_sessions
from instruments.models import CalendarSession, Instrument, Series, Timeframe
from instruments.quant.calendars import (
    ALWAYS,
    CURRENCIES,
    OWN,
    SAME,
    SIMILAR,
    ZONES,
    Sessions,
    as_date,
    calendar_by_days,
    calendar_by_name,
    can_tell,
    session_days,
)
from instruments.store.columns import marked_bars

AHEAD = timedelta(days=366)
REFILLED = timedelta(days=335)  # once less than that lies ahead: about monthly, which brings corrections along
TRIED = (
    "XNYS",
    "XLON",
    "XPAR",
    "XETR",
    "XTSE",
    "XTKS",
    "XHKG",
    "XASX",
)  # on what only its bars tell of; the first alone at first
AT_ONCE = 200  # instruments whose bars are looked at together
_WITHOUT_TABLE = {OWN, ALWAYS, CURRENCIES}
_EXCHANGE = "instruments.calendars.exchange.exchange_sessions"  # loads for seconds; web processes never do
_MISSING = "The extra package exchange_calendars is not installed; docs/development.md tells how."

OfExchange = Callable[[str, date, date], Sessions]


@dataclass
class Filled:
    """What was done: calendars written with their sessions, and instruments that were given one. `problem` says why
    calendars could not be filled."""

    sessions: dict[str, int] = field(default_factory=dict)
    instruments: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def calendars_fill() -> Filled:
    """Give each instrument with bars its calendar, and write the sessions that are missing. Quick, and loads nothing,
    where nothing is missing."""
    filled = Filled()
    _assign_by_name(filled)
    try:
        used = set(Instrument.objects.exclude(calendar="").values_list("calendar", flat=True).distinct())
        _write_sessions(used, filled)
        _assign_by_days({*used, TRIED[0]}, SAME, filled)
        _assign_by_days({*used, *TRIED}, SIMILAR, filled)
    except ImportError:
        filled.problem = _MISSING
    return filled


def _assign_by_name(filled: Filled) -> None:
    for instrument in Instrument.objects.filter(calendar="").only("symbol", "currency"):
        if calendar := calendar_by_name(instrument.symbol, instrument.currency):
            _assign(instrument, calendar, filled)


def _undecided() -> QuerySet[Series]:
    """Daily bars of instruments whose name doesn't tell."""
    rows = Series.objects.filter(instrument__calendar="", timeframe=Timeframe.DAY, rows__gt=0)
    return rows.select_related("instrument").order_by("pk")


def _assign_by_days(tried: set[str], least: float, filled: Filled) -> None:
    """To those that one of these calendars fits; with the last, least demanding threshold, OWN to the others."""
    undecided = list(_undecided())
    if not undecided:
        return
    _write_sessions(tried, filled)
    calendars = {name: stored_sessions(name) for name in tried - _WITHOUT_TABLE}
    for start in range(0, len(undecided), AT_ONCE):
        chunk = undecided[start : start + AT_ONCE]
        for series, marked in zip(chunk, marked_bars(chunk), strict=True):
            days = session_days(marked.candles.time, Timeframe.DAY, "")
            calendar = calendar_by_days(days, calendars, least=least) if can_tell(days) else ""
            if calendar and (calendar != OWN or least == SIMILAR):
                _assign(series.instrument, calendar, filled)


def _assign(instrument: Instrument, calendar: str, filled: Filled) -> None:
    Instrument.objects.filter(pk=instrument.pk, calendar="").update(calendar=calendar, zone=ZONES.get(calendar, ""))
    filled.instruments[instrument.symbol] = calendar


def _write_sessions(calendars: set[str], filled: Filled) -> None:
    """From the year of the earliest bar to a year ahead, all of a calendar's anew where the table has less."""
    today = timezone.now().date()
    for calendar in sorted(calendars - _WITHOUT_TABLE):
        series = Series.objects.filter(instrument__calendar__in=("", calendar), rows__gt=0)
        earliest = series.aggregate(first=Min("first"))["first"] or timezone.now()
        first = date(earliest.year, 1, 1)
        stored = CalendarSession.objects.filter(calendar=calendar).aggregate(first=Min("day"), last=Max("day"))
        if stored["first"] and stored["first"] - first <= NEW_YEAR and stored["last"] >= today + REFILLED:
            continue
        of_exchange: OfExchange = import_string(_EXCHANGE)
        filled.sessions[calendar] = _replace(calendar, of_exchange(calendar, first, today + AHEAD))


def _replace(calendar: str, sessions: Sessions) -> int:
    columns = (sessions.days.tolist(), sessions.closes.tolist(), sessions.is_early.tolist())
    rows = [
        CalendarSession(
            calendar=calendar, day=as_date(day), closes_at=datetime.fromtimestamp(closes, UTC), is_early=is_early
        )
        for day, closes, is_early in zip(*columns, strict=True)
    ]
    with transaction.atomic():
        CalendarSession.objects.filter(calendar=calendar).delete()
        CalendarSession.objects.bulk_create(rows, batch_size=2000)
    return len(rows)
