"""Findings of stored bars: kept, recognised again, decided about, shown."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from boursomatic.accounts.models import AuditEntry
from instruments.health.services import changed_series, series_check
from instruments.imports.services import bars_write
from instruments.models import CalendarSession, Finding, FindingState, Instrument, PriceBar, Series, Severity
from instruments.quant.bars import Bars
from instruments.quant.calendars import OWN, as_date
from tests.contracts.documented import Witness
from tests.instruments.quant.test_health import at, market, scaled
from tests.market import change_bars, store_series
from tests.people import ApiOf, BrowserOf
from tests.training.recipes.test_walk_forward import carry_next
from training.models import Status, TrainingRun
from training.runs.checks import checks_start

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
ADDRESS = "/api/data/health"


def split_series(symbol: str = "SPLT") -> Series:
    return made_up(symbol, scaled(market(), 0, 300, 2.0))


def made_up(symbol: str, bars: Bars, calendar: str = OWN) -> Series:
    """Of a calendar that nobody has to find out."""
    Instrument.objects.create(symbol=symbol, calendar=calendar)
    return store_series(symbol, bars)


def mended(series: Series) -> None:
    """The prices before the split on the scale of those after it."""
    bars = market()
    rows = list(PriceBar.objects.filter(series=series).order_by("timestamp"))
    for k, row in enumerate(rows):
        for name in ("open", "high", "low", "close", "adj_close"):
            setattr(row, name, float(getattr(bars, name)[k]))
    PriceBar.objects.bulk_update(rows, ["open", "high", "low", "close", "adj_close"])
    change_bars(PriceBar.objects.filter(series=series), source="mended")


def check(*series: Series) -> None:
    series_check(pks=[one.pk for one in series])


def fill(calendar: str, days: np.ndarray) -> None:
    """A calendar of these days, from long before to long after."""
    rows = [as_date(int(day)) for day in (days[0] - 5, *days, days[-1] + 5)]
    CalendarSession.objects.bulk_create(
        CalendarSession(calendar=calendar, day=day, closes_at=timezone.now()) for day in rows
    )
    CalendarSession.objects.create(
        calendar=calendar, day=timezone.now().date() + timedelta(360), closes_at=timezone.now()
    )


def test_a_finding_keeps_its_key_and_what_was_decided(carol: User, api: ApiOf) -> None:
    series = split_series()
    check(series)
    finding = Finding.objects.get()
    assert (finding.check_name, finding.severity, finding.state) == ("split", "bad", "open")
    check(series)
    assert Finding.objects.get().changed_at == finding.changed_at  # nothing changed, nothing is written
    client = api(carol)
    answer = client.post(f"{ADDRESS}/{finding.pk}/acknowledge", {"reason": "known to the desk"})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["acknowledged_by"]) == ("acknowledged", "carol")
    assert AuditEntry.objects.filter(action="finding.acknowledge").count() == 1
    check(series)
    again = Finding.objects.get()
    assert (again.pk, again.state, again.reason) == (finding.pk, FindingState.ACKNOWLEDGED, "known to the desk")
    mended(series)
    check(series)
    assert Finding.objects.get().state == FindingState.GONE
    answer = client.post(f"{ADDRESS}/{finding.pk}/acknowledge", {"reason": "late"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "It is gone: there is nothing to acknowledge.")


def test_what_is_found_again_is_as_it_was_unless_it_got_worse() -> None:
    series = split_series()
    check(series)
    finding = Finding.objects.get()
    Finding.objects.update(state=FindingState.GONE, reason="seen")
    check(series)
    assert Finding.objects.get(pk=finding.pk).state == FindingState.ACKNOWLEDGED
    Finding.objects.update(severity=Severity.INFO, rank=3)
    check(series)
    assert Finding.objects.get(pk=finding.pk).state == FindingState.OPEN


def test_it_checks_what_changed_since_it_was_checked() -> None:
    series = split_series()
    assert list(changed_series()) == [series]
    check(series)
    assert not changed_series().exists()
    mended(series)
    assert list(changed_series()) == [series]


def test_days_that_most_instruments_lack_are_one_finding() -> None:
    bars = market(200)
    gone = np.ones(200, dtype=np.bool_)
    gone[100] = False
    fill("XNYS", bars.time // 86_400)
    members = [made_up(f"M{k}", market(200, seed=k).where(gone), "XNYS") for k in range(6)]
    own = gone.copy()
    own[50] = False
    members.append(made_up("OWN", market(200, seed=9).where(own), "XNYS"))
    check(*members)
    shared = Finding.objects.get(series=None)
    assert (shared.calendar, shared.check_name, shared.count) == ("XNYS", "calendar_open", 1)
    missing = Finding.objects.exclude(series=None)
    assert [(one.series, one.check_name, one.count) for one in missing] == [(members[-1], "missing_sessions", 1)]
    check(members[0])  # of a few alone what most have stays as it was found
    assert Finding.objects.filter(state=FindingState.OPEN).count() == 2


def test_a_run_checks_everything_once_a_day_and_what_imports_changed(carol: User, browser_of: BrowserOf) -> None:
    checks_start()
    assert not TrainingRun.objects.exists()  # nothing to check yet
    series = split_series()
    checks_start()
    checks_start()
    assert TrainingRun.objects.get().kind == "check"
    assert carry_next()
    run = TrainingRun.objects.get()
    assert run.status == Status.COMPLETED and run.result["findings"]["bad"] == 1
    assert run.result["sentence"].startswith("1 series checked: 1 bad, 0 warn, 0 info; 1 new, 0 gone.")
    assert 'href="/data/health/"' in browser_of(carol).get(f"/runs/{run.run_id}/").text
    checks_start()
    assert TrainingRun.objects.count() == 1  # nothing changed since
    mended(series)
    checks_start()
    checks_start()
    assert carry_next() and not carry_next()
    assert Finding.objects.get().state == FindingState.GONE


def test_the_command_tells_what_is_open(capsys: pytest.CaptureFixture[str]) -> None:
    split_series()
    made_up("GOOD", market(seed=3))
    call_command("check_data", "--symbol", "SPLT", "--json")

    told = json.loads(capsys.readouterr().out)
    assert (told["series"], [finding["check"] for finding in told["findings"]]) == (1, ["split"])
    promised_keys = {"id", "symbol", "check", "severity", "first", "last", "count", "text", "proposal"}
    assert promised_keys <= set(told["findings"][0])
    call_command("check_data")
    assert "2 series, 1 findings, 0 of them new" in capsys.readouterr().out


def test_the_api_filters_and_refuses(bob: User, carol: User, api: ApiOf) -> None:
    check(split_series(), made_up("SLIP", at(market(), 300, low=float(market().low[300]) / 10)))
    client = api(bob)
    every = client.get(ADDRESS).json()
    assert {one["symbol"]: one["check"] for one in every} == {"SPLT": "split", "SLIP": "slip"}
    assert [one["symbol"] for one in client.get(f"{ADDRESS}?symbol=SLIP").json()] == ["SLIP"]
    assert client.get(f"{ADDRESS}?severity=info").json() == client.get(f"{ADDRESS}?state=gone").json() == []
    assert len(client.get(f"{ADDRESS}?check=split&severity=bad&state=open").json()) == 1
    witness = Witness()
    witness.see("GET", ADDRESS, 200, every)
    assert not witness.wrong, witness.wrong
    first = client.get(f"{ADDRESS}?limit=1")
    assert len(first.json()) == 1 and 'rel="next"' in first.headers["Link"]
    for query, field in (
        ("severity=awful", "severity"),
        ("state=1", "state"),
        ("check=x", "check"),
        ("sort=a", "sort"),
    ):
        answer = client.get(f"{ADDRESS}?{query}")
        assert (answer.status_code, list(answer.json())) == (400, [field])
    assert client.post(f"{ADDRESS}/{every[0]['id']}/acknowledge", {"reason": "x"}).status_code == 403
    manager: Any = api(carol)
    assert manager.post(f"{ADDRESS}/999999/acknowledge", {"reason": "x"}).status_code == 404
    for body in ({}, {"reason": " "}, {"reason": 5}, {"reason": "x" * 501}, {"reason": "x", "more": 1}):
        assert manager.post(f"{ADDRESS}/{every[0]['id']}/acknowledge", body).status_code == 400


def test_the_page_says_what_is_not_checked_yet(bob: User, browser_of: BrowserOf) -> None:
    series = split_series()
    assert "1 series has bars that are not checked yet" in browser_of(bob).get("/data/health/").text
    check(series)
    assert "not checked yet" not in browser_of(bob).get("/data/health/").text


def test_the_page_shows_open_ones_and_acknowledges(bob: User, carol: User, browser_of: BrowserOf) -> None:
    check(split_series())
    finding = Finding.objects.get()
    page = browser_of(bob).get("/data/health/").text
    assert "SPLT" in page and "Split not applied" in page and "1 finding" in page
    assert f"/data/health/{finding.pk}/acknowledge" not in page
    at_first = int((finding.first - timedelta(days=60)).timestamp())
    assert f"/backtest/?symbol=SPLT&amp;timeframe=1d&amp;from={at_first}" in page
    browser = browser_of(carol)
    assert f"/data/health/{finding.pk}/acknowledge" in browser.get("/data/health/").text
    back = browser.post(
        f"/data/health/{finding.pk}/acknowledge", {"reason": "news", "next": "/data/health/?severity=bad"}
    )
    assert back["Location"] == "/data/health/?severity=bad"
    assert "Nothing is open" in browser.get("/data/health/").text
    assert "news" in browser.get("/data/health/?state=acknowledged").text
    assert (
        browser.post(f"/data/health/{finding.pk}/acknowledge", {"next": "https://evil.example/"})["Location"]
        == "/data/health/"
    )
    assert "Must be one of" in browser.get("/data/health/?severity=awful").text
    assert browser.get("/data/health/?state=any&format=csv").getvalue().startswith(b"subject,severity,check")


def test_a_dot_stands_beside_the_name_of_what_has_open_findings(bob: User, browser_of: BrowserOf) -> None:
    check(split_series(), made_up("GOOD", market(seed=3)))
    client = browser_of(bob)
    listed = client.get("/instruments/").text
    assert listed.count("findings-dot severity-bad") == 1
    assert "findings-dot severity-bad" in client.get("/backtest/?symbol=SPLT").text
    assert "findings-dot" not in client.get("/backtest/?symbol=GOOD").text
    Finding.objects.update(state=FindingState.ACKNOWLEDGED)
    assert "findings-dot" not in client.get("/instruments/").text


def test_it_says_when_a_bar_was_found() -> None:
    check(split_series())
    finding = Finding.objects.get()
    assert finding.first == datetime.fromtimestamp(int(market().time[300]), UTC) == finding.last
    assert str(finding) == f"split of SPLT 1d {finding.first:%Y-%m-%d}"


@pytest.mark.parametrize(("size", "severity"), [(0.001, "info"), (0.01, "warn"), (0.2, "bad")])
def test_a_source_that_gives_other_closes_for_the_same_bars_disagrees(size: float, severity: str) -> None:
    bars, series = market(), made_up("TWO", market())
    rng = np.random.default_rng(4)
    noise = rng.uniform(0.8, 1.2, 200) * rng.choice([-1.0, 1.0], 200)
    closes = bars.close.copy()
    closes[100:300] *= 1 + size * noise
    columns = {"open": closes, "high": closes, "low": closes, "close": closes, "adj_close": closes}
    bars_write(series=series, bars=replace(bars, **columns), source="other")
    check(series)
    finding = Finding.objects.get(series=series, check_name="sources_disagree")
    assert (finding.severity, finding.figures["bars"], finding.figures["source"]) == (severity, 200, "other")
    assert finding.figures["median"] == pytest.approx(size, rel=0.05) and "half of them differ by" in finding.text
    bars_write(series=series, bars=bars, source="back")  # now these differ, and nothing is of the other any more
    check(series)
    finding.refresh_from_db()
    assert (finding.state, finding.figures["source"], finding.figures["others"]) == ("open", "back", "other")


def test_a_history_that_is_adjusted_by_one_ratio_is_no_disagreement() -> None:
    bars, series = market(), made_up("ADJ", market())
    halves = {name: getattr(bars, name) / 2 for name in ("open", "high", "low", "close", "adj_close")}
    bars_write(series=series, bars=replace(bars, **halves), source="other")
    check(series)
    assert not Finding.objects.filter(series=series, check_name="sources_disagree").exists()
