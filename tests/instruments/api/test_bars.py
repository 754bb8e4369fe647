import gzip
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User

from boursomatic.accounts.models import AuditEntry
from boursomatic.accounts.roles import Scope
from instruments.imports.services import bars_write
from instruments.models import BarRevision, Series
from instruments.quant.ingest.headers import NUMBERS
from instruments.store.read_bars import load_bars, series_get
from tests.instruments.bars import empty, walk
from tests.instruments.files import csv, daily
from tests.market import make_series, store_series
from tests.people import ApiOf, BrowserOf
from tests.training.quant.noise import fill_forward, noise_bars

pytestmark = pytest.mark.db_both
ROWS = [
    {"date": f"2020-01-0{i}", "open": 10, "high": 11.5, "low": 9, "close": 10, "volume": 7, "adj_close": 5}
    for i in range(1, 6)
]


def test_it_answers_columns(api: ApiOf, bob: User) -> None:
    series = make_series(bars=30)
    answer = api(bob).get("/api/instruments/SPY/bars").json()
    bars = load_bars(series)
    assert answer["time"][:2] == ["2018-01-01T00:00:00Z", "2018-01-02T00:00:00Z"]
    assert answer["epoch"] == bars.time.tolist()
    assert all(answer[name] == getattr(bars, name).tolist() for name in NUMBERS)
    assert (answer["symbol"], answer["timeframe"], answer["price"]) == ("SPY", "1d", "raw")


def test_it_names_the_stale_bars_of_any_range(api: ApiOf, bob: User) -> None:
    filled, is_fill = fill_forward(noise_bars(120), seed=1, share=0.3, how="flat")
    store_series("X", filled)
    stale = filled.time[is_fill]
    assert api(bob).get("/api/instruments/X/bars?price=adjusted").json()["stale"] == stale.tolist()
    start = datetime.fromtimestamp(int(stale[7]), tz=UTC)
    answer = api(bob).get(f"/api/instruments/X/bars?start={start:%Y-%m-%dT%H:%M:%SZ}").json()
    assert answer["stale"] == stale[7:].tolist() and answer["epoch"][0] == stale[7]


def test_it_adjusts_when_asked(api: ApiOf, bob: User) -> None:
    series = empty("X", "1d")
    bars_write(series=series, bars=walk(20), source="test")
    answer = api(bob).get("/api/instruments/X/bars?price=adjusted").json()
    assert np.allclose(answer["close"], walk(20).adj_close)
    assert answer["volume"] == walk(20).volume.tolist()


def test_it_takes_both_ends_along(api: ApiOf, bob: User) -> None:
    make_series(bars=30)
    answer = api(bob).get("/api/instruments/SPY/bars?start=2018-01-02&end=2018-01-04T00:00:00Z").json()
    assert [time[:10] for time in answer["time"]] == ["2018-01-02", "2018-01-03", "2018-01-04"]


def test_it_takes_a_day_alone_as_the_whole_day(api: ApiOf, bob: User) -> None:
    first = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
    bars_write(series=empty(), bars=walk(72, first=first), source="test")
    answer = api(bob).get("/api/instruments/X/bars?timeframe=1h&start=2020-01-02&end=2020-01-02").json()
    assert len(answer["time"]) == 24
    assert answer["time"][-1] == "2020-01-02T23:00:00Z"


@pytest.mark.parametrize("symbol", ["BTC/USDT", "^GSPC", "EURUSD=X", "AAPL.US", "BRK-B"])
def test_it_knows_symbols_with_signs(api: ApiOf, bob: User, symbol: str) -> None:
    make_series(symbol, bars=3)
    address = f"/api/instruments/{symbol.replace('^', '%5E').replace('/', '%2F')}/bars"
    assert api(bob).get(address).json()["symbol"] == symbol
    assert api(bob).get(f"/api/instruments/{symbol}/bars").json()["symbol"] == symbol


def test_it_sends_nothing_again_that_is_unchanged(api: ApiOf, bob: User) -> None:
    series = make_series(bars=30)
    client = api(bob)
    etag = client.get("/api/instruments/SPY/bars")["ETag"]
    again = client.get("/api/instruments/SPY/bars", HTTP_IF_NONE_MATCH=etag)
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/api/instruments/SPY/bars?price=adjusted", HTTP_IF_NONE_MATCH=etag).status_code == 200
    bars_write(series=series, bars=walk(3), source="test")
    assert client.get("/api/instruments/SPY/bars", HTTP_IF_NONE_MATCH=etag).status_code == 200


def test_it_shows_bars_as_they_stood(api: ApiOf, bob: User, carol: User) -> None:
    """A dividend that was imported later, and bars that came later."""
    for day in (1, 2):
        rows = [{**row, "adj_close": 5 / day} for row in ROWS[: day + 3]]
        assert api(carol).post("/api/instruments/Y/bars?timeframe=1d", rows, format="json").status_code == 200
        BarRevision.objects.filter(pk=BarRevision.objects.latest("pk").pk).update(
            made_at=datetime(2026, 1, day, 9, tzinfo=UTC)
        )
    address = "/api/instruments/Y/bars?timeframe=1d"
    now = api(bob).get(address).json()
    assert (len(now["time"]), now["adj_close"][0]) == (5, 2.5)
    then = api(bob).get(f"{address}&as_known=2026-01-01")
    assert (len(then.json()["time"]), then.json()["adj_close"][0]) == (4, 5.0)
    assert api(bob).get(f"{address}&as_known=2026-01-02T08:00:00Z").json() == then.json()
    assert api(bob).get(f"{address}&as_known=2026-01-02").json() == now
    assert api(bob).get(f"{address}&as_known=2025-12-31").json()["time"] == []
    assert BarRevision.objects.latest("pk").user == carol
    assert api(bob).get(f"{address}&as_known=2026-01-01", HTTP_IF_NONE_MATCH=then["ETag"]).status_code == 304
    Series.objects.update(recorded_from=datetime(2026, 1, 1, tzinfo=UTC))
    refused = api(bob).get(f"{address}&as_known=2025-12-30")
    assert refused.status_code == 400 and "is recorded from 2026-01-01 00:00 UTC" in refused.json()["as_known"][0]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("as_known=soon", "as_known"),
        ("timeframe=1m", "timeframe"),
        ("price=nominal", "price"),
        ("start=yesterday", "start"),
        ("end=03/04/2020", "end"),
        ("symbol=SPY", "symbol"),
    ],
)
def test_it_names_what_it_does_not_understand(api: ApiOf, bob: User, query: str, field: str) -> None:
    make_series(bars=3)
    answer = api(bob).get(f"/api/instruments/SPY/bars?{query}")
    assert answer.status_code == 400
    assert field in answer.json()


def test_it_says_what_there_is_instead(api: ApiOf, bob: User) -> None:
    make_series(bars=3)
    answer = api(bob).get("/api/instruments/QQQ/bars")
    assert answer.status_code == 404
    assert "Known: SPY" in answer.json()["detail"]
    assert "It has: 1d" in api(bob).get("/api/instruments/SPY/bars?timeframe=1h").json()["detail"]


def test_it_stores_csv(api: ApiOf, carol: User) -> None:
    answer = api(carol).post("/api/instruments/SPY/bars?source=desk", data=csv(*daily(5)), content_type="text/csv")
    assert answer.status_code == 200
    assert (answer.json()["inserted"], answer.json()["instruments"]["SPY"]["rows"]) == (5, 5)
    assert series_get("SPY", "1d").bars.values_list("source", flat=True)[0] == "desk"
    assert AuditEntry.objects.get(action="bars.import").subject == "SPY"


def test_it_stores_json_rows(api: ApiOf, carol: User) -> None:
    answer = api(carol).post("/api/instruments/BTC%2FUSDT/bars", data=ROWS)
    assert answer.json()["inserted"] == 5
    assert load_bars(series_get("BTC/USDT", "1d")).adj_close.tolist() == [5] * 5
    assert api(carol).post("/api/instruments/BTC/USDT/bars", data=ROWS).json()["unchanged"] == 5


def test_it_stores_nothing_with_a_bad_row_unless_told_to_skip(api: ApiOf, carol: User) -> None:
    body = csv(*daily(3), "2020-01-09,10,9,11,10,1,SPY")
    answer = api(carol).post("/api/instruments/SPY/bars", data=body, content_type="text/csv")
    assert answer.status_code == 400
    assert answer.json()["problems"][0]["row"] == 5
    assert "nothing stored" in answer.json()["detail"]
    assert not Series.objects.exists()
    answer = api(carol).post("/api/instruments/SPY/bars?on_bad=skip", data=body, content_type="text/csv")
    assert (answer.status_code, answer.json()["inserted"], answer.json()["rejected"]) == (200, 3, 1)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ([], "array"),
        ({}, "array"),
        ([1], "array"),
        ([{"open": 1}], "No column for the date"),
        ([{**ROWS[0], "open": True}], "must be a number"),
        ([{**ROWS[0], "open": "10"}], "must be a number"),
        ([{**ROWS[0], "open": [10]}], "must be a number"),
        ([{**ROWS[0], "colour": "red"}], "Unknown field"),
        ([{**ROWS[0], "open": None}], "open is missing"),
        ([{**ROWS[0], "date": 7}], "can't be read"),
        ([{**ROWS[0], "date": ["2020-01-01"]}], "can't be read"),
    ],
)
def test_it_refuses_rows_that_are_none(api: ApiOf, carol: User, body: Any, says: str) -> None:
    answer = api(carol).post("/api/instruments/SPY/bars", data=body)
    assert answer.status_code == 400
    assert says in answer.content.decode()


@pytest.mark.parametrize("text", ["[" * 50 + "]" * 50, '[{"date": "2020-01-01", "open": NaN}]', "[1e400]", "{", ""])
def test_it_refuses_rubbish_for_json(api: ApiOf, carol: User, text: str) -> None:
    answer = api(carol).post("/api/instruments/SPY/bars", data=text, content_type="application/json")
    assert answer.status_code == 400


def test_it_refuses_a_symbol_that_is_none(api: ApiOf, carol: User) -> None:
    answer = api(carol).post("/api/instruments/S&P/bars", data=ROWS)
    assert (answer.status_code, list(answer.json())) == (400, ["symbol"])


def test_a_new_symbol_holds_nothing_that_means_something_else_in_a_path(api: ApiOf, carol: User) -> None:
    """One that was stored before there was that rule goes on as it did."""
    for symbol in ("A..B", "A//B"):
        address = f"/api/instruments/{symbol}/bars"
        answer = api(carol).post(address, data=ROWS)
        assert answer.status_code == 400 and ".. or //" in answer.text
        make_series(symbol, bars=3)
        stored = api(carol).post(address, data=ROWS)
        assert stored.status_code == 200 and stored.json()["inserted"] == 5, stored.json()
        assert api(carol).get(address).status_code == 200


def test_it_lets_managers_write_and_viewers_read(
    api: ApiOf, alice: User, bob: User, carol: User, stranger: User
) -> None:
    make_series(bars=3)
    address = "/api/instruments/SPY/bars"
    assert api().get(address).status_code == 401
    assert api().post(address, data=ROWS).status_code == 401
    assert api(stranger).get(address).status_code == 403
    for person in (alice, bob):
        assert api(person).get(address).status_code == 200
        assert api(person).post(address, data=ROWS).status_code == 403
    assert api(carol, [Scope.READ]).post(address, data=ROWS).status_code == 403
    assert api(carol, [Scope.DATA]).post(address, data=ROWS).status_code == 200
    assert api(carol, [Scope.DATA]).get(address).status_code == 403


def test_it_is_compressed_for_who_takes_gzip(api: ApiOf, bob: User) -> None:
    make_series(bars=500)
    plain = api(bob).get("/api/instruments/SPY/bars")
    packed = api(bob).get("/api/instruments/SPY/bars", headers={"Accept-Encoding": "br, gzip"})
    assert packed["Content-Encoding"] == "gzip" and gzip.decompress(packed.content) == plain.content
    assert len(packed.content) < len(plain.content) / 2
    assert (
        packed["ETag"] == f"W/{plain['ETag']}"
        and "Accept-Encoding" in packed["Vary"]
        and "Accept-Encoding" in plain["Vary"]
    )
    for etag in (plain["ETag"], packed["ETag"]):
        again = api(bob).get("/api/instruments/SPY/bars", headers={"Accept-Encoding": "gzip", "If-None-Match": etag})
        assert again.status_code == 304
    for refusal in ("", "identity", "gzip;q=0", "x-gzip"):
        answer = api(bob).get("/api/instruments/SPY/bars", headers={"Accept-Encoding": refusal})
        assert "Content-Encoding" not in answer
    few = api(bob).get("/api/instruments/SPY/bars?end=2018-01-02", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in few


def test_pages_with_a_token_are_never_compressed(browser_of: BrowserOf, bob: User) -> None:
    page = browser_of(bob).get("/backtest/", headers={"Accept-Encoding": "gzip"})
    assert "csrfmiddlewaretoken" in page.text and "Content-Encoding" not in page
