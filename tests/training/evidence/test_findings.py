"""Open findings where they matter: beside names, on runs and cards, before activation, on recommendations."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from instruments.health.findings import finding_acknowledge
from instruments.health.worst import worst_by_symbol, worst_by_universe
from instruments.models import RANKS, Finding, FindingState, Instrument, Series, Severity, Universe
from predictions.recommendations.make import recommendations_make
from tests.market import make_series
from tests.people import ApiOf, BrowserOf
from tests.predictions.advised import advised, day_of
from training.evidence.findings import findings_of
from training.models import ModelVersion, TrainingRun
from training.registry.gate import FINDINGS, gate_checks

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
DOT = re.compile(r'<a class="findings-dot severity-(\w+)" href="([^"]+)" title="[^"]+" aria-label="([^"]+)">')


def found(symbol: str, severity: str = Severity.BAD, *, first: datetime | None = None, check: str = "split") -> Finding:
    series = Series.objects.get(instrument__symbol=symbol, timeframe="1d")
    first = first or series.first
    now = timezone.now()
    return Finding.objects.create(
        **{"series": series, "check_name": check, "first": first, "last": first, "count": 1, "text": "Made up."},
        **{"severity": severity, "rank": RANKS[Severity(severity)], "found_at": now, "changed_at": now},
    )


def at(bar: int) -> datetime:
    day = day_of(bar)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def dots(page: str) -> list[tuple[str, ...]]:
    return [tuple(found) for found in DOT.findall(page)]


def check_of(model: ModelVersion) -> dict[str, Any]:
    return next(check for check in gate_checks(model) if check["check"] == FINDINGS)


def test_a_dot_stands_beside_the_names_of_what_has_open_findings(carol: User, browser_of: BrowserOf) -> None:
    model, browser = advised(), browser_of(carol)
    run = model.run.run_id
    pages = (
        *("/runs/", f"/runs/{run}/", "/models/", f"/models/{model.version}/gate/", f"/models/{model.version}/"),
        *("/universes/few/", "/trials/?universe=few"),
    )
    assert all(not dots(browser.get(page).text) for page in pages)
    found("AAA", Severity.INFO)
    assert not dots(browser.get("/universes/few/").text)
    found("AAA", Severity.WARN, check="frozen")
    own = found("BBB")
    of_universe = (
        "bad",
        "/data/health/?universe=few&amp;state=open",
        "Open findings about the bars of 2 instruments of few",
    )
    for page in pages:
        assert of_universe in dots(browser.get(page).text), page
    listed = dots(browser.get("/universes/few/").text)
    assert ("warn", "/data/health/?symbol=AAA&amp;state=open", "Open findings about the bars of AAA") in listed
    assert ("bad", "/data/health/?symbol=BBB&amp;state=open", "Open findings about the bars of BBB") in listed
    assert len(listed) == 3
    assert dots(browser.get("/instrument/", {"symbol": "BBB"}).text)[0][0] == "bad"
    assert [dot[0] for dot in dots(browser.get("/instruments/").text)] == ["warn", "bad"]
    finding_acknowledge(finding=own, reason="As it was", user=carol)
    assert worst_by_symbol() == {"AAA": "warn"}
    assert worst_by_universe({"AAA": "warn"}) == {"few": ("warn", 1), "all": ("warn", 1)}


def test_a_run_says_what_is_open_about_the_bars_that_it_was_trained_on(alice: User, browser_of: BrowserOf) -> None:
    model, browser = advised(), browser_of(alice)
    address, card = f"/runs/{model.run.run_id}/", f"/models/{model.version}/"
    assert "Trained over" not in browser.get(address).text
    found("AAA", Severity.WARN, first=at(200))
    found("BBB", first=at(300))
    found("CCC", first=at(410))  # after its last day
    found("DDD", Severity.INFO, first=at(200))
    make_series("ZZZ", bars=30)
    found("ZZZ")
    assert (findings_of(model.run).count, findings_of(model.run).bad) == (2, 1)
    for page in (address, card):
        text = browser.get(page).text
        assert (
            'Trained over <a href="/data/health/?universe=few&amp;state=open">2 open findings</a>, 1 of them bad.'
            in text
        )
    text = browser.get("/data/health/?universe=few&state=open").text
    assert text.count("Made up.") == 4 and "ZZZ" not in text


def test_an_open_bad_finding_fails_the_check_before_activation_and_an_override_keeps_it(
    carol: User, browser_of: BrowserOf, api: ApiOf
) -> None:
    model = advised()
    assert check_of(model) == {"check": FINDINGS, "passed": True, "value": 0, "needed": "none that is bad"}
    found("AAA", Severity.WARN, first=at(200))
    assert check_of(model)["passed"]
    own = found("BBB", first=at(300))
    assert check_of(model) | {"needed": ""} == {"check": FINDINGS, "passed": False, "value": 1, "needed": ""}
    page = browser_of(carol).get(f"/models/{model.version}/gate/").text
    assert "Open findings about its bars" in page
    client, address = api(carol), f"/api/models/{model.version}"
    client.post(f"{address}/deactivate", {"reason": "to try"}, format="json")
    refused = client.post(f"{address}/activate", {"reason": "now", "expected_active": None}, format="json")
    assert refused.status_code == 422 and check_of(model) in refused.json()["gate"]
    body = {"reason": "now", "expected_active": None, "override": True}
    assert check_of(model) in client.post(f"{address}/activate", body, format="json").json()["gate"]
    finding_acknowledge(finding=own, reason="As it was", user=carol)
    assert check_of(model)["passed"]


def test_recommendations_say_what_is_open_about_recent_bars(bob: User, browser_of: BrowserOf) -> None:
    model = advised()
    found("AAA", Severity.WARN, first=at(395), check="frozen")
    found("BBB", first=at(100))  # long ago
    made = recommendations_make(model=model, as_of=day_of(410))[0]
    flags = {row.series.instrument.symbol: row.flags for row in made.rows.select_related("series__instrument")}
    assert "open_finding" in flags["AAA"] and all("open_finding" not in flags[s] for s in flags if s != "AAA")
    page = browser_of(bob).get("/recommendations/").text
    assert page.count(">open finding: frozen bars</span>") == 1
    Finding.objects.update(state=FindingState.GONE)
    page = browser_of(bob).get("/recommendations/").text
    assert ">open finding</span>" in page and not dots(page)


def test_names_cost_one_query_however_many_and_another_where_some_have_findings(
    bob: User, browser_of: BrowserOf
) -> None:
    series = [make_series(f"S{number}", bars=5) for number in range(12)]
    Universe.objects.create(name="few").instruments.set([each.instrument for each in series])
    browser = browser_of(bob)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert browser.get("/universes/few/").status_code == 200
        return sum("instruments_finding" in query["sql"] for query in captured)

    assert queries() == 1
    for number in range(12):
        found(f"S{number}")
    assert queries() == 1 and len(dots(browser.get("/universes/few/").text)) == 13


def test_a_candle_run_looks_at_its_own_span(alice: User, browser_of: BrowserOf) -> None:
    series = make_series("SPY", bars=400)
    moment = series.last - timedelta(days=100)
    run = TrainingRun(series=series, candle_at=moment, config={"symbol": "SPY", "train_years": 0.5}, detail={})
    assert findings_of(run).count == 0
    found("SPY", first=moment - timedelta(days=90))
    assert (findings_of(run).bad, findings_of(run).query) == (1, "symbol=SPY&state=open")
    found("SPY", first=moment - timedelta(days=200), check="slip")
    found("SPY", first=moment + timedelta(days=2), check="jump")
    assert findings_of(run).count == 1
    assert Instrument.objects.count() == 1
