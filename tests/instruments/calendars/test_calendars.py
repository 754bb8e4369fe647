"""Calendars filled from the library and read from the table."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from instruments.calendars.services import calendars_fill
from instruments.calendars.sessions import (
    calendar_of_universe,
    read_sessions,
    session_after,
    sessions_between,
    trading_year_of,
    trading_year_of_members,
)
from instruments.models import CalendarSession, Instrument, Universe
from instruments.quant.calendars import TradingYear
from tests.market import make_series

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def closes(calendar: str, first: date, last: date) -> dict[str, str]:
    sessions = read_sessions(calendar, first, last)
    assert sessions is not None
    return {
        f"{datetime.fromtimestamp(close, UTC):%m-%d}": f"{datetime.fromtimestamp(close, UTC):%H:%M}"
        for close in sessions.closes.tolist()
    }


@pytest.mark.slow
def test_it_fills_what_instruments_need_and_knows_summer_time_and_early_closes() -> None:
    for symbol, currency in (("SPY", "USD"), ("BNP.PA", "EUR"), ("BTC-USD", "USD")):
        make_series(symbol, bars=5)
        Instrument.objects.filter(symbol=symbol).update(currency=currency)
    filled = calendars_fill()
    assert filled.instruments == {"SPY": "XNYS", "BNP.PA": "XPAR", "BTC-USD": "24/7"}
    assert set(filled.sessions) == {"XNYS", "XPAR"}
    assert Instrument.objects.get(symbol="BNP.PA").zone == "Europe/Paris"
    last = CalendarSession.objects.filter(calendar="XNYS").order_by("-day").values_list("day", flat=True)[0]
    assert last - timezone.now().date() > timedelta(days=355)
    assert not calendars_fill().sessions  # nothing is missing now
    # New York changes its clocks on 10 March 2024, Paris on 31 March.
    york = closes("XNYS", date(2024, 3, 8), date(2024, 3, 12))
    assert york == {"03-08": "21:00", "03-11": "20:00", "03-12": "20:00"}
    paris = closes("XPAR", date(2024, 3, 27), date(2024, 4, 3))
    assert paris == {"03-27": "16:30", "03-28": "16:30", "04-02": "15:30", "04-03": "15:30"}  # Easter between
    thanksgiving = read_sessions("XNYS", date(2024, 11, 27), date(2024, 11, 29))
    assert thanksgiving is not None and thanksgiving.is_early.tolist() == [False, True]
    assert closes("XNYS", date(2024, 11, 29), date(2024, 11, 29)) == {"11-29": "18:00"}
    coins = read_sessions("24/7", date(2024, 11, 28), date(2024, 12, 1))
    assert coins is not None and len(coins) == 4


def test_it_counts_sessions_and_weekdays_where_no_calendar_is_filled() -> None:
    for day in (date(2024, 7, 2), date(2024, 7, 3), date(2024, 7, 5), date(2024, 7, 8), date(2024, 7, 22)):
        CalendarSession.objects.create(calendar="XNYS", day=day, closes_at=timezone.now())
    assert sessions_between(date(2024, 7, 3), date(2024, 7, 8), "XNYS") == 2  # the 4th is none
    assert sessions_between(date(2024, 7, 3), date(2024, 7, 8)) == 3
    assert sessions_between(date(2024, 7, 8), date(2024, 7, 3), "XNYS") == -2
    assert sessions_between(date(2024, 7, 6), date(2024, 7, 9), "24/7") == 3
    assert session_after(date(2024, 7, 3), 1, "XNYS") == date(2024, 7, 5)
    assert session_after(date(2024, 7, 22), 3, "XNYS") == date(2024, 7, 25)  # it isn't filled so far ahead: weekdays
    assert session_after(date(2024, 7, 5), 2, "24/7") == date(2024, 7, 7)
    assert read_sessions("XNYS", date(2020, 1, 1), date(2024, 7, 8)) is None


def test_the_calendar_of_many_is_that_of_most() -> None:
    few = Universe.objects.create(name="few")
    few.instruments.set([Instrument.objects.create(symbol=f"I{k}", calendar="XPAR" if k else "XNYS") for k in range(3)])
    few.instruments.remove(Instrument.objects.get(symbol="I1"), Instrument.objects.get(symbol="I2"))
    assert calendar_of_universe("all") == "XPAR"
    assert calendar_of_universe("few") == "XNYS"
    assert calendar_of_universe("none") == ""


def test_a_year_has_the_mean_of_the_whole_years_that_are_filled() -> None:
    def fill(first: date, last: date, every: int) -> None:
        days = [first + timedelta(days=k) for k in range(0, (last - first).days + 1, every)]
        CalendarSession.objects.bulk_create(
            CalendarSession(calendar="XPAR", day=day, closes_at=timezone.now()) for day in days
        )

    assert trading_year_of("") is None and trading_year_of("XPAR") is None
    fill(date(2021, 6, 1), date(2021, 12, 31), 1)
    assert trading_year_of("XPAR") is None  # no year is whole
    fill(date(2022, 1, 3), date(2022, 12, 30), 2)  # 181
    fill(date(2023, 1, 2), date(2023, 12, 29), 3)  # 121
    assert trading_year_of("XPAR") == TradingYear("XPAR", 151)
    fill(date(2024, 1, 2), date(2024, 11, 30), 1)  # how far ahead it is filled makes no difference
    assert trading_year_of("XPAR") == TradingYear("XPAR", 151)
    assert trading_year_of("24/7") == TradingYear("24/7", 365) and trading_year_of("FX") == TradingYear("FX", 261)
    members = [make_series(symbol, bars=5) for symbol in ("ONE", "TWO", "THREE")]
    for member, calendar in zip(members, ("XPAR", "24/7", "24/7"), strict=True):
        member.instrument.calendar = calendar
    assert trading_year_of_members(members) == TradingYear("24/7", 365)
    assert trading_year_of_members([]) is None


@pytest.mark.slow
def test_new_york_and_paris_have_years_of_their_own() -> None:
    for symbol in ("SPY", "BNP.PA"):
        make_series(symbol, bars=5)
    Instrument.objects.filter(symbol="SPY").update(currency="USD")
    calendars_fill()
    york, paris = trading_year_of("XNYS"), trading_year_of("XPAR")
    assert york and york.sessions == 251 and paris and paris.sessions == 256  # since 2012
