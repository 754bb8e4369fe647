from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.quant.ingest.dates import iso, read_moments


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2020-01-02", "2020-01-02T00:00:00Z"),
        ("20200102", "2020-01-02T00:00:00Z"),
        ("2020/1/2", "2020-01-02T00:00:00Z"),
        ("2020.01.02 22:00", "2020-01-02T22:00:00Z"),
        ("20200102 220000", "2020-01-02T22:00:00Z"),
        ("2020-01-02T09:30:00Z", "2020-01-02T09:30:00Z"),
        ("2020-01-02 00:00:00-05:00", "2020-01-02T05:00:00Z"),
        ("2020-01-02 16:00:00.000000+00:00", "2020-01-02T16:00:00Z"),
        ("31.01.2017 22:00:00.000", "2017-01-31T22:00:00Z"),
        ("1/31/1999", "1999-01-31T00:00:00Z"),
        ("31-Jan-20", "2020-01-31T00:00:00Z"),
        ("January 31, 2020", "2020-01-31T00:00:00Z"),
        ("2020-08-04 02-AM", "2020-08-04T02:00:00Z"),
        ("2020-08-04 12-PM", "2020-08-04T12:00:00Z"),
        ("1596506400", "2020-08-04T02:00:00Z"),
        ("1596506400.0", "2020-08-04T02:00:00Z"),
        ("1596506400000", "2020-08-04T02:00:00Z"),
        ("-252322200", "1962-01-02T14:30:00Z"),
    ],
)
def test_it_reads_the_usual_spellings(text: str, utc: str) -> None:
    found = read_moments([text])
    assert found.reasons == ("",)
    assert iso(int(found.utc[0])) == utc


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "missing"),
        ("yesterday", "can't be read"),
        ("2020-02-30", "not in the calendar"),
        ("2020-01-02 25:00", "not in the calendar"),
        ("9999-12-31", "in the year 9999"),
        ("2020112", "can't be read"),
        ("1596506400.5", "not a whole second"),
        ("12345678901", "11 digits"),
        ("13/13/2020", "not in the calendar"),
        ("3/4/20", "can't be read"),
        ("2020-01-02 13-PM", "can't be read"),
        ("٢٠٢٠-01-02", "can't be read"),
    ],
)
def test_it_says_why_a_date_is_not_read(text: str, says: str) -> None:
    assert says in read_moments([text]).reasons[0]


def test_it_keeps_the_day_as_written_beside_the_time_in_utc() -> None:
    found = read_moments(["2020-01-02 00:00:00+09:00"])
    assert iso(int(found.utc[0])) == "2020-01-01T15:00:00Z"
    assert iso(int(found.day[0])) == "2020-01-02T00:00:00Z"


def test_it_does_not_guess_the_order_of_day_and_month() -> None:
    found = read_moments(["03/04/2020", "05/05/2020"])
    assert "two ways" in found.reasons[0]
    assert found.reasons[1] == ""  # the same either way


@pytest.mark.parametrize(("witness", "day"), [("25/12/2020", "2020-04-03"), ("12/25/2020", "2020-03-04")])
def test_it_takes_the_order_from_another_date_of_the_file(witness: str, day: str) -> None:
    found = read_moments(["03/04/2020", witness])
    assert found.reasons == ("", "")
    assert iso(int(found.utc[0])).startswith(day)


def test_it_trusts_no_order_when_the_witnesses_contradict_each_other() -> None:
    found = read_moments(["03/04/2020", "25/12/2020", "12/25/2020"])
    assert "two ways" in found.reasons[0]
    assert found.reasons[1:] == ("", "")


@given(st.datetimes(min_value=datetime(1800, 1, 1), max_value=datetime(2199, 12, 31)))  # noqa: DTZ001
def test_it_reads_back_what_iso_writes(moment: datetime) -> None:
    text = moment.replace(microsecond=0).isoformat()
    found = read_moments([text])
    assert found.reasons == ("",)
    assert iso(int(found.utc[0])) == text + "Z"


@given(st.text(max_size=30))
def test_it_answers_any_text(text: str) -> None:
    read_moments([text])
