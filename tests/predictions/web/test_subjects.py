"""Pages of a universe and of an instrument: coverage, and what was made of them."""

import re
from datetime import date

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from boursomatic.accounts.models import AuditEntry
from instruments.models import Instrument, PriceBar, Series, Universe, UniverseMember
from instruments.universes import universe_series
from predictions.recommendations.make import recommendations_make
from tests.market import make_series, weekdays
from tests.people import BrowserOf
from tests.predictions.advised import TRAINED, advised, day_of
from tests.training.registry.test_activation import universe_model
from tests.training.results import candle_result
from tests.training.run_builders import make_model, make_run
from training.models import Status
from training.runs.annotations import run_describe

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def few(*bars: int) -> list[Series]:
    """A universe of members with so many daily bars each."""
    series = [make_series(f"S{number}", bars=count) for number, count in enumerate(bars)]
    universe = Universe.objects.create(name="few")
    universe.instruments.set([each.instrument for each in series])
    return series


def test_a_universe_says_whose_bars_end_early(bob: User, browser_of: BrowserOf) -> None:
    few(30, 20, 30, 10, 30)
    Universe.objects.get().instruments.add(Instrument.objects.create(symbol="NEW"))
    page = browser_of(bob).get("/universes/few/").text
    assert "5 instruments with daily bars" in page and "<strong>2 of 5 end before it</strong>" in page
    assert "1 more has no daily bars" in page and page.count(">earlier<") == 2
    page = browser_of(bob).get("/universes/few/", {"sort": "last"}).text
    assert re.findall(r"<strong>(S\d)</strong>", page) == ["S3", "S1", "S0", "S2", "S4"]
    text = browser_of(bob).get("/universes/few/", {"format": "csv"}).getvalue().decode()
    assert text.splitlines()[0] == "symbol,name,bars,first,last,member" and len(text.splitlines()) == 6
    assert browser_of(bob).get("/universes/all/").status_code == 200
    assert browser_of(bob).get("/universes/none/").status_code == 404


def test_it_shows_what_was_made_of_a_universe_by_its_names(alice: User, bob: User, browser_of: BrowserOf) -> None:
    few(30)
    model = universe_model(alice)
    run_describe(run=model.run, user=alice, changes={"name": "The first one"})
    make_run(alice, kind="universe", universe="others", status=Status.COMPLETED, run_id="of_others")
    page = browser_of(bob).get("/universes/few/").text
    assert page.count("The first one") == 2 and model.version in page and "of_others" not in page
    assert "/trials/?universe=few" in page and "1 trial</a>" in page
    train = "/training/universe/?universe=few"
    assert train not in page and train in browser_of(alice).get("/universes/few/").text


def test_it_says_who_ends_before_the_test_of_its_newest_model(alice: User, bob: User, browser_of: BrowserOf) -> None:
    few(30, 20, 30)
    run = universe_model(alice).run
    run.result |= {"borders": {"test_first": "2018-02-01"}}
    run.save()
    page = browser_of(bob).get("/universes/few/").text
    assert "<strong>1 of 3 end before the test</strong> of its newest model, which begins on 2018-02-01" in page
    assert page.count(">before the test<") == 1


def test_managers_change_its_members_by_search_and_by_list(bob: User, carol: User, browser_of: BrowserOf) -> None:
    few(30)
    Instrument.objects.bulk_create(Instrument(symbol=symbol, name="Search me") for symbol in ("AAA", "BBB", "CCC"))
    browser, members = browser_of(carol), Universe.objects.get().instruments
    page = browser.get("/universes/few/", {"find": "search"}).text
    assert re.findall(r'aria-label="(Add \w+)"', page) == ["Add AAA", "Add BBB", "Add CCC"]
    assert "Models and runs keep the members that they were trained with" in page
    assert browser.post("/universes/few/", {"add": "AAA", "find": "search"})["Location"].endswith("?find=search")
    page = browser.post("/universes/few/", {"add": "AAA, bbb;\nCCC  S0"}, follow=True).text
    assert "BBB, CCC added to few. 2 were there already." in page and members.count() == 4
    assert page.count("no daily bars</td>") == 3
    page = browser.post("/universes/few/", {"remove": "AAA"}, follow=True).text
    assert "AAA removed from few." in page and members.count() == 3
    assert [entry.action for entry in AuditEntry.objects.order_by("id")] == ["universe.add"] * 2 + ["universe.remove"]
    assert "Change its members" not in browser_of(bob).get("/universes/few/").text
    assert "Change its members" not in browser.get("/universes/all/").text
    assert browser_of(bob).post("/universes/few/", {"add": "AAA"}).status_code == 403
    assert browser.post("/universes/all/", {"add": "AAA"}).status_code == 404


def test_a_list_with_a_mistake_changes_nothing_and_stays_in_the_form(carol: User, browser_of: BrowserOf) -> None:
    few(30)
    Instrument.objects.create(symbol="AAA")
    browser, members = browser_of(carol), Universe.objects.get().instruments
    for do, text, reason in (
        ("add", "AAA NOPE <b>", "No instrument is called NOPE, &lt;b&gt;. Nothing was added"),
        ("add", " ,; ", "Name at least one symbol"),
        ("add", " ".join(map(str, range(6000))), "These are 6,000 symbols"),
        ("remove", "S0 AAA", "AAA is not in few"),
    ):
        answer = browser.post("/universes/few/", {do: text})
        assert answer.status_code == 400 and reason in answer.text
    assert members.count() == 1 and not AuditEntry.objects.exists()
    assert "AAA NOPE" in browser.post("/universes/few/", {"add": "AAA NOPE"}).text


def test_an_instrument_says_where_its_bars_are_from_and_what_was_made_of_it(
    alice: User, bob: User, browser_of: BrowserOf
) -> None:
    (series,) = few(30)
    run = make_run(alice, series=series, status=Status.COMPLETED, result=candle_result())
    model = make_model(run)
    browser = browser_of(bob)
    page = browser.get("/instrument/", {"symbol": "S0"}).text
    assert 'made up <span class="muted">30</span>' in page and '<a href="/universes/few/">few</a>' in page
    assert run.run_id in page and model.version in page and "/trials/?symbol=S0" in page
    assert "Recommendations, newest first" not in page
    assert browser.get("/instrument/", {"symbol": "NOPE"}).status_code == 404
    assert browser.get("/instrument/").status_code == 404
    Instrument.objects.create(symbol="^GSPC/X")
    assert "No bars yet" in browser.get("/instrument/", {"symbol": "^GSPC/X"}).text


def test_an_instrument_says_where_bars_are_missing_and_which_splits_it_knows(bob: User, browser_of: BrowserOf) -> None:
    (series,) = few(60)
    days = weekdays(60)
    page = browser_of(bob).get("/instrument/", {"symbol": "S0"}).text
    assert "none that is longer than a weekend" in page and "its sources give no adjusted close" in page
    PriceBar.objects.filter(series=series, timestamp__range=(days[10], days[16])).delete()
    PriceBar.objects.filter(series=series, timestamp__lt=days[30]).update(adj_close=F("close") / 2)
    page = browser_of(bob).get("/instrument/", {"symbol": "S0"}).text
    assert f'{days[9]:%Y-%m-%d} to {days[17]:%Y-%m-%d} <span class="muted">12 days</span>' in page
    assert f'{days[30]:%Y-%m-%d} <span class="muted">2 for 1</span>' in page


def test_an_instrument_shows_what_was_recommended_of_it(bob: User, browser_of: BrowserOf) -> None:
    made = recommendations_make(model=advised(), as_of=day_of(TRAINED + 10))[0]
    row = made.rows.select_related("series__instrument").exclude(label="")[0]
    page = browser_of(bob).get("/instrument/", {"symbol": row.series.instrument.symbol}).text
    assert "Recommendations, newest first" in page and "pending" in page
    assert f'/recommendations/{row.pk}/why">{made.as_of.isoformat()}</a>' in page
    assert f'<a href="/universes/{made.universe}/">' in page


def test_they_ask_as_few_queries_for_much_as_for_little(alice: User, bob: User, browser_of: BrowserOf) -> None:
    series = few(30, 20)
    browser = browser_of(bob)
    counts = []
    for number in (1, 12):
        for _ in range(number):
            for each in series:
                make_model(make_run(alice, series=each, status=Status.COMPLETED, result=candle_result()))
        for address in ("/universes/few/", "/instrument/?symbol=S0"):
            with CaptureQueriesContext(connection) as seen:
                assert browser.get(address).status_code == 200
            counts.append(len(seen))
    assert counts[:2] == counts[2:] and max(counts) <= 30


def test_managers_give_members_dates_by_hand_and_by_file(bob: User, carol: User, browser_of: BrowserOf) -> None:
    few(30, 30)
    browser, address = browser_of(carol), "/universes/few/"
    page = browser.get(address).text
    assert "Today’s members only: survivors look better than they were." in page and "members today" not in page
    page = browser.post(address, {"add": "S0", "do": "end", "to": "2018-01-31"}, follow=True).text
    assert "S0: last day in few is 2018-01-31." in page and ">to 2018-01-31<" in page
    assert "survivors look better" not in page and "1 is a member today" in page
    page = browser.post(address, {"add": "S0", "from": "2018-03-01"}, follow=True).text
    assert "S0 added to few from 2018-03-01." in page and ">from 2018-03-01<" in page
    for sent, reason in (
        ({"add": "S0", "from": "2018-01-31", "to": "2018-02-01"}, "S0 is a member of few on some of these days"),
        ({"add": "S0", "do": "end"}, "Say in To which day was their last"),
        ({"add": "S0", "do": "end", "to": "2018-02-10"}, "S0 can&#x27;t leave few on 2018-02-10"),
        ({"add": "S1", "from": "31.1.2018"}, "write it as 2015-03-31"),
    ):
        answer = browser.post(address, sent)
        assert answer.status_code == 400 and reason in answer.text, reason
    text = browser_of(bob).get(address, {"format": "members"}).text
    assert text.splitlines() == ["symbol,from,to", "S0,,2018-01-31", "S0,2018-03-01,", "S1,,"]
    file = SimpleUploadedFile("members.csv", text.replace("S1,,", "S1,2018-01-02,").encode())
    page = browser.post(address, {"members": file}, follow=True).text
    assert "3 rows of members.csv: 1 stored, 2 as they were, 1 earlier ones replaced." in page
    file = SimpleUploadedFile("members.csv", b"symbol,from,to\nS1,,\nNOPE,,\n")
    answer = browser.post(address, {"members": file})
    assert answer.status_code == 400 and "members.csv: 1 bad row, nothing stored" in answer.text
    assert re.search(r'<td class="num">3</td><td>NOPE</td><td>No instrument is called so', answer.text)
    assert UniverseMember.objects.filter(start=None, end=None).count() == 0
    assert browser_of(bob).post(address, {"members": file}).status_code == 403
    actions = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == ["universe.end", "universe.add", "file.download", "universe.members"]


def test_a_member_of_several_stretches_is_one_member_everywhere(carol: User, browser_of: BrowserOf) -> None:
    series = few(30, 30)
    universe = Universe.objects.get()
    universe.memberships.filter(instrument=series[0].instrument).update(end=date(2018, 1, 10))
    UniverseMember.objects.create(universe=universe, instrument=series[0].instrument, start=date(2018, 1, 20))
    page = browser_of(carol).get("/universes/few/").text
    assert "2 instruments with daily bars" in page and page.count("<strong>S0</strong>") == 1
    assert page.count("to 2018-01-10") == 1 and page.count("from 2018-01-20") == 1
    page = browser_of(carol).get("/instrument/", {"symbol": "S0"}).text
    assert page.count('<a href="/universes/few/">few</a>') == 1
    assert [one.pk for one in universe_series("few")] == [one.pk for one in series]
    page = browser_of(carol).post("/universes/few/", {"remove": "S0"}, follow=True).text
    assert "S0 removed from few." in page and universe.memberships.count() == 1
