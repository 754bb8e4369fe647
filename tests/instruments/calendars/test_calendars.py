"""Calendars filled from the library and read from the table."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from instruments.calendars.services import calendars_fill
from instruments.calendars.sessions import calendar_of_universe, read_sessions, session_after, sessions_between
from instruments.models import CalendarSession, Instrument, Universe
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
