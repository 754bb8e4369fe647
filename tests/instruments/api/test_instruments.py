from typing import Any

from django.contrib.auth.models import User

from tests.market import make_series
from tests.people import ApiOf


def test_it_lists_what_is_stored(api: ApiOf, bob: User) -> None:
    make_series("SPY", bars=6)
    make_series("BTC/USDT", bars=5)
    answer = api(bob).get("/api/instruments")
    assert answer.status_code == 200
    assert answer.json() == [
        {
            "symbol": symbol,
            "name": "",
            "currency": "",
            "active": True,
            "timeframes": {"1d": {"rows": rows, "first": "2018-01-01T00:00:00Z", "last": last}},
        }
        for symbol, rows, last in (("BTC/USDT", 5, "2018-01-05T00:00:00Z"), ("SPY", 6, "2018-01-08T00:00:00Z"))
    ]


def test_it_pages(api: ApiOf, bob: User) -> None:
    for symbol in "ABC":
        make_series(symbol, bars=2)
    answer = api(bob).get("/api/instruments?limit=2")
    assert [row["symbol"] for row in answer.json()] == ["C", "B"]
    following = answer["Link"].split(">")[0].strip("<")
    assert [row["symbol"] for row in api(bob).get(following).json()] == ["A"]


def test_it_asks_the_database_no_more_for_more_instruments(
    api: ApiOf, bob: User, django_assert_max_num_queries: Any
) -> None:
    for symbol in "ABCDEFGH":
        make_series(symbol, bars=2)
    client = api(bob)
    with django_assert_max_num_queries(7):
        assert len(client.get("/api/instruments").json()) == 8


def test_it_refuses_strangers_and_the_anonymous(api: ApiOf, stranger: User) -> None:
    assert api().get("/api/instruments").status_code == 401
    assert api(stranger).get("/api/instruments").status_code == 403
