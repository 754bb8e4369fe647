"""Refreshes as runs: asked for by page, REST and command, one of a source at a time."""

import hashlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction

from boursomatic.accounts.models import AuditEntry
from instruments.health.services import series_check
from instruments.models import Feature, Finding, FindingState, Series, Source, Universe
from instruments.store.revisions import IMPORT
from instruments.store.write_bars import remove_bars
from tests.instruments.imports.replayed import (
    DAYS,
    WATCHED,
    Replayed,
    add_instruments,
    add_source,
    stored_closes,
    yesterday,
)
from tests.instruments.sources.vendor import Vendor, text
from tests.people import ApiOf, BrowserOf
from tests.training.recipes.test_walk_forward import carry_next
from training.models import Reason, Status, TrainingRun
from training.recipes.refresh.spec import RefreshSpec

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
ADDRESS = "/api/data/refresh"


@pytest.fixture
def source(carol: User, shop: Vendor, settings: Any) -> Source:
    return add_source(carol, shop, settings)


def test_it_refreshes_over_rest(api: ApiOf, carol: User, source: Source, shop: Vendor, browser_of: BrowserOf) -> None:
    Replayed(shop, ["A", "B"])
    add_instruments(["A", "B", "C"])
    client = api(carol)
    answer = client.post(ADDRESS, {"source": "files", "universe": WATCHED})
    assert (answer.status_code, answer.json()["started"]) == (202, True)
    run_id = answer.json()["run_id"]
    again = client.post(ADDRESS, {"source": "files", "universe": "all"}).json()
    assert (again["started"], again["run_id"]) == (False, run_id)
    assert client.post(ADDRESS, {}).json()["started"] is False
    assert carry_next()
    run = client.get(f"/api/training/runs/{run_id}").json()
    (told,) = run["result"]["sources"]
    assert (told["asked"], told["inserted"], [*told["failed"]]) == (3, 2 * DAYS, ["C"])
    assert "C: 127.0.0.1 has nothing under this name" in run["result"]["sentence"]
    page = browser_of(carol).get(f"/runs/{run_id}/").text
    assert "New bars" in page and "nothing under this name" in page
    assert client.post(ADDRESS, {}).json()["started"] is True
    assert AuditEntry.objects.filter(action="run.create", subject=run_id).exists()


def test_the_same_key_gives_the_same_run(api: ApiOf, carol: User, source: Source) -> None:
    first, second = (
        api(carol).post(ADDRESS, {"source": "files"}, headers={"Idempotency-Key": "one"}).json() for _ in range(2)
    )
    assert first == second and TrainingRun.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "body"),
    [
        ("source", {"source": "none"}),
        ("source", {"source": 5}),
        ("source", {"symbols": ["A"]}),
        ("universe", {"universe": "none"}),
        ("symbols", {"source": "files", "symbols": "A"}),
        ("symbols", {"source": "files", "symbols": ["a b"]}),
        ("since", {"since": "someday"}),
        ("first", {"first": "someday", "last": "2024-01-02", "source": "files", "symbols": ["A"]}),
        ("last", {"first": "2024-01-02", "source": "files", "symbols": ["A"]}),
        ("last", {"first": "2024-01-02", "last": "2024-01-01", "source": "files", "symbols": ["A"]}),
        ("symbols", {"first": "2024-01-01", "last": "2024-01-02", "source": "files"}),
        ("colour", {"colour": "red"}),
    ],
)
def test_it_says_what_can_not_be(api: ApiOf, carol: User, source: Source, field: str, body: dict[str, Any]) -> None:
    answer = api(carol).post(ADDRESS, body)
    assert answer.status_code == 400 and field in answer.json()


def test_it_says_that_nothing_in_all_is_served_yet(api: ApiOf, carol: User, source: Source) -> None:
    add_instruments(["A"])
    api(carol).post(ADDRESS, {"source": "files"})
    run = carry_next()
    assert run and run.status == Status.COMPLETED
    assert "0 series asked" in run.result["sentence"] and "Nothing in it is served yet" in run.result["sentence"]


def test_only_managers_refresh(api: ApiOf, alice: User, source: Source) -> None:
    assert api(alice).post(ADDRESS, {}).status_code == 403


def test_it_fails_where_nothing_came_and_says_what_to_do(api: ApiOf, carol: User, source: Source, shop: Vendor) -> None:
    symbols = [f"S{n:02}" for n in range(20)]
    shop.routes |= {f"/{symbol}.csv": text("no", 403) for symbol in symbols}
    add_instruments(symbols)
    api(carol).post(ADDRESS, {"source": "files", "universe": WATCHED})
    run = carry_next()
    assert run and (run.status, run.error_reason) == (Status.FAILED, Reason.BAD_DATA)
    assert "Gave up on files" in run.error and "Enter a key" in run.error and "Not asked: S" in run.error


def test_it_goes_from_the_sources_page_to_bars(
    carol: User, browser_of: BrowserOf, source: Source, shop: Vendor
) -> None:
    replayed = Replayed(shop, ["A", "B.US"])
    add_instruments(["A", "B"])
    Universe.objects.create(name="mine")
    browser = browser_of(carol)
    page = browser.get("/data/sources/files/").text
    assert "Refresh now" in page and "<option>mine</option>" in page and "never" in page
    browser.post("/data/sources/files/symbols/", {"symbols": "B = B.US\n\nA\n"})
    source.refresh_from_db()
    assert source.symbols == {"A": "A", "B": "B.US"}
    assert "B = B.US" in browser.get("/data/sources/files/").text
    assert (
        "make a symbol"
        in browser.get(browser.post("/data/sources/files/symbols/", {"symbols": "B = x y"})["Location"]).text
    )
    started = browser.post("/data/refresh", {"source": "files", "universe": "all", "symbols": ""})
    assert started["Location"].startswith("/runs/")
    assert browser.post("/data/refresh", {"source": "files"})["Location"] == started["Location"]
    assert carry_next()
    assert stored_closes("B") == replayed.closes("B.US")
    assert "60 new bars" in browser.get("/data/sources/").text
    assert "Refresh" in browser.get("/runs/?kind=refresh").text
    refused = browser.post("/data/refresh", {"source": "files", "universe": "none"})
    assert "no universe" in browser.get(refused["Location"]).text


def refresh_bars(*arguments: str) -> Any:
    out = StringIO()
    call_command("refresh_bars", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_a_finding_asks_the_source_again_for_its_days(
    carol: User, bob: User, source: Source, shop: Vendor, browser_of: BrowserOf
) -> None:
    Replayed(shop, ["A"])
    add_instruments(["A"])
    browser = browser_of(carol)
    browser.post("/data/refresh", {"source": "files", "universe": WATCHED})
    assert carry_next()
    series = Series.objects.get()
    days = [(yesterday() - timedelta(days=back)).isoformat() for back in (25, 19)]
    for day in days:
        bars_remove(series, day)
    series_check(pks=[series.pk])
    finding = Finding.objects.get(check_name="missing_sessions")
    address = f"/data/health/{finding.pk}/repair"
    assert address in browser.get("/data/health/").text
    page = browser.get(address).text
    assert "Ask files again" in page and f'name="first" value="{days[0]}"' in page
    assert "A manager can ask it" in browser_of(bob).get(address).text
    started = browser.post("/data/refresh", {"source": "files", "symbols": "A", "first": days[0], "last": days[1]})
    assert carry_next()
    told = browser.get(started["Location"]).text
    assert f"{days[0]} to {days[1]}" in told and "Asked for" in told
    assert TrainingRun.objects.latest("pk").result["sources"][0]["inserted"] == 2
    series_check(pks=[series.pk])
    assert Finding.objects.get(pk=finding.pk).state == FindingState.GONE
    assert "Ask files again" not in browser.get(address).text


def bars_remove(series: Series, day: str) -> None:
    with transaction.atomic():
        second = int(datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp())
        remove_bars(series, np.array([second]), "test", IMPORT)


def test_days_that_are_not_given_change_no_hash() -> None:
    spec = RefreshSpec("files", symbols=("A",))
    asked = {
        "kind": "refresh",
        "source": "files",
        "universe": "all",
        "symbols": ["A"],
        "since": None,
        "features": False,
    }
    assert spec.params_hash() == hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    assert replace(spec, first="2024-01-01", last="2024-01-02").params_hash() != spec.params_hash()


def test_the_command_does_what_the_page_does(source: Source, shop: Vendor) -> None:
    Replayed(shop, ["A"])
    add_instruments(["A"])
    answer = refresh_bars("--source", "files", "--symbols", "A")
    assert answer["sources"][0]["inserted"] == DAYS and Series.objects.get().rows == DAYS
    assert refresh_bars()["sources"][0]["unchanged"] == 11
    assert TrainingRun.objects.filter(kind="refresh", status=Status.COMPLETED).count() == 2
    with pytest.raises(CommandError, match="no source"):
        refresh_bars("--source", "none")


def test_the_command_leaves_a_source_alone_that_is_asked(api: ApiOf, carol: User, source: Source) -> None:
    run_id = api(carol).post(ADDRESS, {"source": "files"}).json()["run_id"]
    with pytest.raises(CommandError, match=run_id):
        refresh_bars("--source", "files")


def test_it_says_that_no_source_is_on(source: Source) -> None:
    Source.objects.update(enabled=False)
    with pytest.raises(CommandError, match="No source is on"):
        refresh_bars()
    assert not Feature.objects.exists()
