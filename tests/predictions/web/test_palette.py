"""The palette: places of every kind by the beginning or the middle of a name, a few of each."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from instruments.models import Instrument, Universe
from predictions.web.presenters.palette import MOST
from tests.market import make_series
from tests.people import BrowserOf
from tests.training.run_builders import make_model, make_run
from training.models import Status
from training.runs.annotations import run_describe

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def places(bob: User, browser_of: BrowserOf, text: str) -> dict[str, list[dict[str, str]]]:
    answer = browser_of(bob).get("/palette", {"text": text})
    return {group["label"]: group["places"] for group in answer.json()["groups"]}


def test_without_a_text_it_offers_the_pages(bob: User, browser_of: BrowserOf) -> None:
    found = places(bob, browser_of, "")
    assert list(found) == ["Pages"]
    assert {"label": "Scorecard", "note": "", "address": "/recommendations/scorecard/"} in found["Pages"]
    for place in found["Pages"]:
        assert browser_of(bob).get(place["address"]).status_code in (200, 403), place  # a viewer trains nothing


def test_it_offers_the_page_of_members_to_admins(bob: User, dave: User, browser_of: BrowserOf) -> None:
    assert "Pages" not in places(bob, browser_of, "members")
    assert places(dave, browser_of, "members")["Pages"][0]["address"] == "/members/"


def test_it_finds_instruments_by_symbol_and_name_those_that_begin_so_first(bob: User, browser_of: BrowserOf) -> None:
    Instrument.objects.bulk_create(
        Instrument(symbol=symbol, name=name)
        for symbol, name in (("XSPY", ""), ("SPY", "S&P 500"), ("SPYX", ""), ("IBM", "Spy glasses"), ("AA", "Alcoa"))
    )
    found = places(bob, browser_of, "spy")["Instruments"]
    assert [place["label"] for place in found] == ["SPY", "SPYX", "IBM", "XSPY"]
    assert found[0] == {"label": "SPY", "note": "S&P 500", "address": "/backtest/?symbol=SPY"}


def test_it_finds_runs_and_their_models_by_given_name_and_by_the_beginning_of_the_id(
    alice: User, bob: User, browser_of: BrowserOf
) -> None:
    run = make_run(alice, series=make_series(bars=5), status=Status.COMPLETED, run_id="20231215_143022_7f3k")
    model = make_model(run)
    run_describe(run=run, user=alice, changes={"name": "Before the crash"})
    for text in ("the CRASH", "20231215", "20231215_143022_7f3k"):
        found = places(bob, browser_of, text)
        place = {"label": "Before the crash", "note": f"SPY 1d · {run.run_id}", "address": f"/runs/{run.run_id}/"}
        assert found["Runs"] == [place]
        assert [place["address"] for place in found["Models"]] == [f"/models/{model.version}/gate/"]
    assert "Runs" not in places(bob, browser_of, "143022")
    run.deleted_at = run.created_at
    run.save()
    assert places(bob, browser_of, "20231215") == {}


def test_it_finds_universes_pages_and_documentation(bob: User, browser_of: BrowserOf) -> None:
    Universe.objects.create(name="few")
    assert places(bob, browser_of, "few")["Universes"][0]["address"] == "/universes/few/"
    assert places(bob, browser_of, "sched")["Pages"][0]["label"] == "Schedules"
    assert places(bob, browser_of, "gloss")["Documentation"][0]["address"] == "/docs/glossary/"


def test_it_gives_a_few_of_each_with_as_few_queries(alice: User, bob: User, browser_of: BrowserOf) -> None:
    browser = browser_of(bob)
    counts = []
    for number in range(2):
        for each in range(number * 2 * MOST + 1):
            series = make_series(f"RUN{number}X{each}", bars=5)
            run = make_run(alice, series=series, status=Status.COMPLETED, run_id=f"run_{number}_{each}")
            make_model(run, version=f"run-{run.run_id}")
        with CaptureQueriesContext(connection) as seen:
            groups = browser.get("/palette", {"text": "run"}).json()["groups"]
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 12
    assert [len(group["places"]) for group in groups if group["label"] != "Pages"] == [MOST] * 3 + [2]


@pytest.mark.parametrize("text", ["%", "_", "'", "\0", "<b>", "x" * 500, "²"])
def test_it_takes_any_rubbish_for_a_text(bob: User, browser_of: BrowserOf, text: str) -> None:
    make_series("IBM", bars=5)
    assert "Instruments" not in places(bob, browser_of, text)
