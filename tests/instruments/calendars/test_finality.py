"""When a bar is final: closes of real exchanges, in the weeks in which clocks change and on a short day."""

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.calendars.exchange import exchange_sessions
from instruments.quant.calendars import ALWAYS, ZONES, Sessions, as_day, computed_sessions
from instruments.quant.finality import Finality, final_mask

PLAIN = Finality()
TIINGO = Finality(at=time(20), zone="America/New_York")
HOUR_LATER = Finality(after=timedelta(hours=1))


def sessions_of(calendar: str, day: date) -> Sessions:
    first, last = day - timedelta(days=10), day + timedelta(days=10)
    computed = computed_sessions(calendar, as_day(first), as_day(last))
    return computed if computed is not None else exchange_sessions(calendar, first, last)


def final_from(day: str, calendar: str, finality: Finality = PLAIN, timeframe: str = "1d") -> str:
    """The minute (UTC) from which on the bar of that day is final."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    sessions = sessions_of(calendar, start.date()) if calendar else None
    bar = np.array([int(start.timestamp())])
    low, high = start.timestamp(), start.timestamp() + 10 * 86_400
    while high - low > 1:
        middle = (low + high) // 2
        is_final = final_mask(bar, timeframe, finality, sessions, ZONES.get(calendar, "UTC"), now=middle)[0]
        low, high = (low, middle) if is_final else (middle, high)
    return datetime.fromtimestamp(high, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("calendar", "day", "closes"),
    [
        ("XNYS", "2026-03-06", "2026-03-06 21:00"),
        ("XNYS", "2026-03-09", "2026-03-09 20:00"),  # clocks changed the day before, in Europe three weeks later
        ("XNYS", "2026-10-30", "2026-10-30 20:00"),
        ("XNYS", "2026-11-02", "2026-11-02 21:00"),
        ("XNYS", "2026-11-27", "2026-11-27 18:00"),  # the day after Thanksgiving ends at 13:00
        ("XPAR", "2026-03-09", "2026-03-09 16:30"),
        ("XPAR", "2026-03-27", "2026-03-27 16:30"),
        ("XPAR", "2026-03-30", "2026-03-30 15:30"),
        ("XPAR", "2026-10-26", "2026-10-26 16:30"),
        ("XPAR", "2026-12-24", "2026-12-24 13:05"),
        (ALWAYS, "2026-03-08", "2026-03-09 00:00"),
    ],
)
def test_a_day_is_final_when_its_session_has_closed(calendar: str, day: str, closes: str) -> None:
    assert final_from(day, calendar) == closes


def test_a_source_takes_its_time() -> None:
    assert final_from("2026-03-09", "XNYS", HOUR_LATER) == "2026-03-09 21:00"
    assert final_from("2026-03-06", "XNYS", TIINGO) == "2026-03-07 01:00"
    assert final_from("2026-03-09", "XNYS", TIINGO) == "2026-03-10 00:00"
    assert final_from("2026-11-27", "XNYS", TIINGO) == "2026-11-28 01:00"


def test_a_day_without_a_session_ends_at_midnight_of_its_zone() -> None:
    assert final_from("2026-11-26", "XNYS") == "2026-11-27 05:00"
    assert final_from("2026-03-07", "") == "2026-03-08 00:00"


def test_a_week_ends_with_its_last_session() -> None:
    assert final_from("2026-03-02", "XNYS", timeframe="1w") == "2026-03-06 21:00"
    assert final_from("2026-11-23", "XNYS", timeframe="1w") == "2026-11-27 18:00"
    assert final_from("2026-03-02", ALWAYS, timeframe="1w") == "2026-03-09 00:00"


def test_an_hour_is_final_when_it_is_over() -> None:
    assert final_from("2026-03-09T14:30", "XNYS", timeframe="1h") == "2026-03-09 15:30"
    assert final_from("2026-03-09T12:00", ALWAYS, timeframe="4h") == "2026-03-09 16:00"


@given(st.floats(0, 40 * 86_400), st.sampled_from(["1h", "1d", "1w"]))
def test_once_final_always_final_and_no_bar_before_it_is_over(age: float, timeframe: str) -> None:
    start = 1_760_000_400
    bars = start + 3600 * np.arange(24 * 30)
    mask = final_mask(bars, timeframe, PLAIN, None, "UTC", now=start + age)
    later = final_mask(bars, timeframe, PLAIN, None, "UTC", now=start + age + 5000)
    assert not (mask & ~later).any()
    assert (bars[mask] + 3600 <= start + age).all()
