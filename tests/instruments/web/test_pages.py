import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from instruments.models import Instrument, Series
from instruments.web.sparklines import HEIGHT, WIDTH, sparklines
from instruments.web.tables import INSTRUMENTS
from tests.market import make_series
from tests.people import BrowserOf

pytestmark = pytest.mark.db_both


def test_it_says_what_to_do_when_there_are_no_prices(bob: User, carol: User, browser_of: BrowserOf) -> None:
    for path in ("/backtest/", "/instruments/"):
        page, managers = browser_of(bob).get(path), browser_of(carol).get(path)
        assert page.status_code == managers.status_code == 200
        assert "A manager can upload files of bars" in page.text and "Upload bars" not in page.text
        assert 'href="/data/">' in managers.text and "Upload bars" in managers.text


def test_it_says_which_instruments_there_are(bob: User, browser_of: BrowserOf) -> None:
    make_series("IBM", bars=5)
    page = browser_of(bob).get("/backtest/", {"symbol": "NOPE"})
    assert page.status_code == 404
    assert "Known: IBM." in page.text


def test_it_opens_the_default_instrument_at_a_timeframe_that_it_has(bob: User, browser_of: BrowserOf) -> None:
    make_series("EURUSD", bars=5, timeframe="1h")
    page = browser_of(bob).get("/backtest/")
    assert page.status_code == 200
    assert 'data-symbol="EURUSD" data-timeframe="1h"' in page.text


def test_it_goes_on_with_a_timeframe_that_the_instrument_has(bob: User, browser_of: BrowserOf) -> None:
    make_series("EURUSD", bars=5, timeframe="1h")
    answer = browser_of(bob).get("/backtest/", {"symbol": "EURUSD", "timeframe": "1d", "range": "5y"})
    assert answer.status_code == 302 and answer["Location"] == "/backtest/?symbol=EURUSD&timeframe=1h&range=5y"


def test_its_chart_asks_and_sends_as_much_with_many_instruments_as_with_one(bob: User, browser_of: BrowserOf) -> None:
    make_series("SPY", bars=30)
    browser = browser_of(bob)

    def ask() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as queries:
            page = browser.get("/backtest/").text
        return len(queries), len(page)

    alone = ask()
    many = Instrument.objects.bulk_create(Instrument(symbol=f"S{number:03}") for number in range(300))
    Series.objects.bulk_create(Series(instrument=instrument, timeframe="1d", rows=1) for instrument in many)
    assert ask() == alone


def test_it_shows_coverage_and_a_line_of_the_last_year(bob: User, carol: User, browser_of: BrowserOf) -> None:
    make_series("IBM", bars=600)
    Instrument.objects.create(symbol="NEW")
    page = browser_of(bob).get("/instruments/").text
    assert "600" in page and "2018-01-01" in page
    assert "<polyline" in page
    assert "no bars yet" in page and "upload some" not in page
    assert "upload some" in browser_of(carol).get("/instruments/").text


def test_it_draws_about_sixty_points_within_the_box(db: None) -> None:
    series = make_series("IBM", bars=600)
    line = sparklines([series])[series.pk]
    points = [tuple(map(float, point.split(","))) for point in line.points.split()]
    assert 50 <= len(points) <= 70
    assert points[0][0] == 0 and points[-1][0] == WIDTH
    assert all(0 <= y <= HEIGHT for _, y in points)


def test_it_asks_as_many_queries_for_many_instruments_as_for_one(bob: User, browser_of: BrowserOf) -> None:
    browser = browser_of(bob)
    counts = []
    for symbols in (["A"], ["B", "C", "D", "E"]):
        for symbol in symbols:
            make_series(symbol, bars=30)
        with CaptureQueriesContext(connection) as queries:
            browser.get("/instruments/")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 14


def test_it_shows_instruments_page_by_page(bob: User, browser_of: BrowserOf) -> None:
    Instrument.objects.bulk_create(Instrument(symbol=f"S{number:03}") for number in range(INSTRUMENTS.size + 2))
    browser = browser_of(bob)
    first = browser.get("/instruments/").text
    assert "S099" in first and "S100" not in first
    assert "102 instruments" in first
    link = re.search(r'href="(\?after=[^"]+)"', first)
    assert link is not None
    second = browser.get("/instruments/" + link.group(1)).text
    assert "S100" in second and "S099" not in second


def test_it_filters_sorts_and_exports_instruments(bob: User, browser_of: BrowserOf) -> None:
    for symbol, bars in (("IBM", 30), ("SPY", 50)):
        make_series(symbol, bars=bars)
    make_series("IBM", bars=20, timeframe="1h")
    Instrument.objects.create(symbol="NEW", name="Newer than all")
    browser = browser_of(bob)
    for query, order in (
        ({"sort": "-bars"}, ["SPY", "IBM", "NEW"]),
        ({"sort": "last"}, ["IBM", "SPY", "NEW"]),
        ({"sort": "-symbol"}, ["SPY", "NEW", "IBM"]),
        ({"text": "newer"}, ["NEW"]),
        ({"text": "spy"}, ["SPY"]),
    ):
        page = browser.get("/instruments/", query).text
        assert list(dict.fromkeys(re.findall(r"<strong>(\w+)</strong>", page.split("<main")[1]))) == order, query
    assert "No instrument matches" in browser.get("/instruments/", {"text": "<b>"}).text
    rows = browser.get("/instruments/", {"format": "csv"}).getvalue().decode().splitlines()
    assert [row.split(",")[:2] for row in rows] == [
        ["symbol", "timeframe"], ["IBM", "1d"], ["IBM", "1h"], ["NEW", ""], ["SPY", "1d"],
    ]  # fmt: skip
