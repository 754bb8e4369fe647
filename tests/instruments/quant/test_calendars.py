"""Which calendar an instrument trades by, and which day a bar belongs to."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

from instruments.quant.calendars import (
    ALWAYS,
    CURRENCIES,
    OWN,
    Sessions,
    as_date,
    as_day,
    calendar_by_days,
    calendar_by_name,
    can_tell,
    computed_sessions,
    session_days,
)


def weekdays(first: str, count: int) -> np.ndarray:
    return np.busday_offset(first, np.arange(count), roll="forward").astype("datetime64[D]").astype(np.int64)


def calendar(days: np.ndarray) -> Sessions:
    return Sessions(days, days * 86_400, np.zeros(len(days), dtype=np.bool_))


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("symbol", "currency", "name"),
    [
        ("BNP.PA", "", "XPAR"),
        ("VOD.L", "GBP", "XLON"),
        ("SAP.DE", "EUR", "XETR"),
        ("7203.T", "", "XTKS"),
        ("SPY", "USD", "XNYS"),
        ("^GSPC", "", "XNYS"),
        ("BTC-USD", "USD", ALWAYS),
        ("ETH/USDT", "", ALWAYS),
        ("EURUSD=X", "USD", CURRENCIES),
        ("SPY", "", ""),
        ("BRK-B", "", ""),
        ("GC=F", "USD", ""),
    ],
)
def test_it_tells_a_calendar_by_symbol_and_currency(symbol: str, currency: str, name: str) -> None:
    assert calendar_by_name(symbol, currency) == name


def test_it_tells_a_calendar_by_the_days_of_bars() -> None:
    every = weekdays("2020-01-01", 400)
    paris, york = np.delete(every, np.arange(3, 400, 40)), np.delete(every, np.arange(9, 400, 40))
    calendars = {"XPAR": calendar(paris), "XNYS": calendar(york)}
    assert calendar_by_days(york, calendars) == "XNYS"
    assert calendar_by_days(np.delete(york, np.arange(0, 300, 9)), calendars) == "XNYS"  # a tenth of its bars missing
    assert calendar_by_days(np.arange(18_000, 18_400), calendars) == ALWAYS
    assert calendar_by_days(every[::2], calendars) == OWN
    assert can_tell(york) and not can_tell(york[:20])


def test_coins_trade_every_day_until_midnight() -> None:
    sessions = computed_sessions(ALWAYS, as_day(date(2024, 2, 28)), as_day(date(2024, 3, 1)))
    assert sessions is not None and [as_date(day).day for day in sessions.days.tolist()] == [28, 29, 1]
    assert sessions.closes[0] == seconds("2024-02-29T00:00")


def test_currencies_trade_until_five_in_new_york_in_summer_and_winter() -> None:
    sessions = computed_sessions(CURRENCIES, as_day(date(2024, 3, 7)), as_day(date(2024, 3, 12)))
    assert sessions is not None
    assert [as_date(day).isoformat()[5:] for day in sessions.days.tolist()] == ["03-07", "03-08", "03-11", "03-12"]
    assert sessions.closes.tolist()[1:3] == [seconds("2024-03-08T22:00"), seconds("2024-03-11T21:00")]
    assert computed_sessions("XNYS", 0, 9) is None


def test_an_hour_belongs_to_the_day_of_its_zone() -> None:
    sunday_evening, friday_afternoon = seconds("2017-01-01T22:00"), seconds("2017-01-06T21:00")
    days = session_days(np.array([sunday_evening, friday_afternoon]), "1h", CURRENCIES)
    assert [as_date(day).isoformat() for day in days.tolist()] == ["2017-01-02", "2017-01-06"]
    tokyo = session_days(np.array([seconds("2024-05-06T23:30")]), "1h", "XTKS")
    assert as_date(int(tokyo[0])) == date(2024, 5, 7)
    assert session_days(np.array([seconds("2024-05-06T00:00")]), "1d", "XNYS")[0] == as_day(date(2024, 5, 6))
