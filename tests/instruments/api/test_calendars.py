"""Calendars over REST: who trades by them, what is stored, when they close next."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from instruments.calendars.sessions import calendars_in_use
from instruments.models import CalendarSession, Instrument
from tests.people import ApiOf

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
NOON = datetime(2024, 11, 28, 12, tzinfo=UTC)  # Thanksgiving: New York is closed, and closes early the day after


def session(calendar: str, day: date, hour: int, minute: int = 0, *, is_early: bool = False) -> None:
    closes = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
    CalendarSession.objects.create(calendar=calendar, day=day, closes_at=closes, is_early=is_early)


def test_it_answers_calendars_in_use_with_their_sessions_and_next_closes(bob: User, api: ApiOf) -> None:
    now = timezone.now()
    for number, calendar in enumerate(("XPAR", "XPAR", "24/7", "own", "")):
        Instrument.objects.create(symbol=f"I{number}", calendar=calendar)
    Instrument.objects.create(symbol="OFF", calendar="XTKS", active=False)
    for days in (-400, 1, 2, 3, 4):
        moment = now + timedelta(days=days)
        session("XPAR", moment.date(), 16, 30)
    answer = {line["name"]: line for line in api(bob).get("/api/data/calendars").json()}
    assert list(answer) == ["24/7", "XPAR", "own"]
    paris, coins, own = answer["XPAR"], answer["24/7"], answer["own"]
    assert (paris["zone"], paris["instruments"]) == ("Europe/Paris", 2)
    assert paris["first"] == str((now - timedelta(days=400)).date())
    assert paris["last"] == str((now + timedelta(days=4)).date())
    assert [each["session"] for each in paris["next_closes"]] == [
        str((now + timedelta(days=days)).date()) for days in (1, 2, 3)
    ]
    assert coins["first"] is None and coins["next_closes"][0]["closes_at"].endswith("T00:00:00Z")
    assert (own["zone"], own["first"], own["next_closes"]) == (None, None, [])
    assert api(bob).get("/api/data/calendars?name=XPAR").status_code == 400
    assert api().get("/api/data/calendars").status_code == 401


def test_an_early_close_is_named_and_a_holiday_is_no_session() -> None:
    Instrument.objects.create(symbol="SPY", calendar="XNYS")
    Instrument.objects.create(symbol="BTC-USD", calendar="24/7")
    Instrument.objects.create(symbol="EURUSD=X", calendar="FX")
    session("XNYS", date(2024, 11, 27), 21)
    session("XNYS", date(2024, 11, 29), 18, is_early=True)
    session("XNYS", date(2024, 12, 2), 21)
    with CaptureQueriesContext(connection) as captured:
        coins, currencies, york = calendars_in_use(NOON, upcoming=2)
    assert len(captured) == 3

    def told(line: object) -> list[str]:
        closes = line.upcoming.closes.tolist()  # type: ignore[attr-defined]
        return [f"{datetime.fromtimestamp(each, UTC):%m-%d %H:%M}" for each in closes]

    assert told(york) == ["11-29 18:00", "12-02 21:00"] and york.upcoming.is_early.tolist() == [True, False]
    assert told(coins) == ["11-29 00:00", "11-30 00:00"]
    assert told(currencies) == ["11-28 22:00", "11-29 22:00"]
