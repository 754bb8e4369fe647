"""Repairs: looked at, applied, undone, refused, and whole whatever happens."""

import random
import signal
from contextlib import suppress
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from boursomatic.accounts.models import AuditEntry
from instruments.health.repairs import RepairRefused, repair_apply, repair_propose, repair_revisions, repair_undo
from instruments.imports.services import bars_write
from instruments.models import CorporateAction, Finding, FindingState, Instrument, PriceBar, Series
from instruments.quant.bars import Bars, fingerprint
from instruments.quant.calendars import OWN
from instruments.store.read_bars import load_bars, load_marked
from instruments.store.revisions import bars_as_known
from tests.contracts.documented import Witness
from tests.faults.scale import times
from tests.instruments.actions import day_of, split_at, store_as_traded
from tests.instruments.actions import split as record_split
from tests.instruments.bars import empty
from tests.instruments.health.test_findings import ADDRESS, check, fill
from tests.instruments.quant.test_health import DAY, at, market, scaled
from tests.instruments.store.test_write_processes import assert_figures_true
from tests.people import ApiOf, BrowserOf

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def stored(symbol: str, bars: Bars, calendar: str = OWN) -> Finding:
    """Imported from two sources, and checked: the finding."""
    Instrument.objects.create(symbol=symbol, calendar=calendar)
    series = empty(symbol, "1d")
    bars_write(series=series, bars=bars.slice(0, 200), source="old")
    bars_write(series=series, bars=bars.slice(200, len(bars)), source="new")
    check(series)
    findings = Finding.objects.select_related("series__instrument").filter(series=series)
    return findings.exclude(check_name="sources_disagree").order_by("rank")[0]


def state_of(series: Series) -> tuple[str, list[Any]]:
    """All that is stored of it."""
    sources = PriceBar.objects.filter(series=series).order_by("timestamp").values_list("timestamp", "source")
    return fingerprint(load_bars(series)), list(sources)


def split() -> Finding:
    return stored("SPLT", scaled(market(), 0, 300, 2.0))


def weekend() -> Finding:
    bars = market()
    fridays = np.flatnonzero((bars.time // DAY + 3) % 7 == 4)[:20]
    fill("XNYS", bars.time // DAY)
    columns = [
        np.insert(getattr(bars, name), fridays + 1, getattr(bars, name)[fridays]) for name in list(vars(bars))[1:]
    ]
    return stored("WKND", Bars(np.insert(bars.time, fridays + 1, bars.time[fridays] + DAY), *columns), "XNYS")


@pytest.mark.parametrize("make", [split, weekend])
def test_it_is_repaired_and_undone(make: Any, carol: User) -> None:
    finding = make()
    series, before, moment = finding.series, state_of(finding.series), timezone.now()
    proposal = repair_propose(finding)
    assert state_of(series) == before  # looked at, nothing is changed
    assert len(proposal.changed) == (300 if make is split else 0)
    assert len(proposal.removed) == (0 if make is split else 20)
    repaired = repair_apply(finding=finding, user=carol, mark=proposal.mark)
    assert repaired.state == FindingState.REPAIRED
    assert fingerprint(load_bars(series)) == fingerprint(proposal.after) and np.allclose(
        load_bars(series).close, market().close
    )
    changed = PriceBar.objects.filter(series=series, source=f"repair {finding.pk}").count()
    assert changed == len(proposal.changed)
    assert_figures_true(series)
    [row] = repair_revisions(repaired)
    assert (row.kind, row.user, row.changed) == ("repair", carol, len(proposal.changed) + len(proposal.removed))
    assert fingerprint(bars_as_known(series, moment)) == before[0]
    check(series)
    assert Finding.objects.get(pk=finding.pk).state == FindingState.REPAIRED
    undone = repair_undo(finding=repaired, user=carol)
    assert undone.state == FindingState.OPEN and state_of(series) == before
    assert_figures_true(series)
    assert repair_revisions(undone) == []
    assert [entry.action for entry in AuditEntry.objects.order_by("pk")] == ["finding.repair", "finding.undo"]
    check(series)
    assert Finding.objects.get(pk=finding.pk).state == FindingState.OPEN
    again = repair_apply(finding=undone, user=carol)
    assert fingerprint(load_bars(series)) == fingerprint(proposal.after)
    assert repair_undo(finding=again, user=carol) and state_of(series) == before


def test_what_was_acknowledged_is_so_again_when_its_repair_is_undone(carol: User) -> None:
    finding = split()
    Finding.objects.update(state=FindingState.ACKNOWLEDGED, reason="known to the desk")
    repaired = repair_apply(finding=Finding.objects.get(), user=carol)
    assert repair_undo(finding=repaired, user=carol).state == FindingState.ACKNOWLEDGED
    assert Finding.objects.get(pk=finding.pk).reason == "known to the desk"


def test_it_refuses_in_words(carol: User) -> None:
    finding = split()
    series = finding.series
    assert series
    with pytest.raises(RepairRefused, match=r"It is open: there is no repair to undo\."):
        repair_undo(finding=finding, user=carol)
    looked = repair_propose(finding)
    bars = load_bars(series)
    bars_write(series=series, bars=replace(bars, volume=bars.volume + 1), source="new")
    with pytest.raises(RepairRefused, match="have changed since you looked at this repair"):
        repair_apply(finding=finding, user=carol, mark=looked.mark)
    assert Finding.objects.get().state == FindingState.OPEN
    repaired = repair_apply(finding=finding, user=carol)
    with pytest.raises(RepairRefused, match="It is repaired: there is nothing to repair"):
        repair_apply(finding=finding, user=carol)
    more = market(620).slice(600, 620)
    bars_write(series=series, bars=more, source="new")  # bars at the end hinder nothing
    dividend = load_bars(series).slice(0, 10)
    bars_write(series=series, bars=replace(dividend, adj_close=dividend.adj_close * 0.9), source="new")
    with pytest.raises(RepairRefused, match=r"were changed since, by new at .* UTC: undoing it would mix the two"):
        repair_undo(finding=repaired, user=carol)
    bars_write(series=series, bars=scaled(market(), 0, 300, 1.0), source="new")
    Finding.objects.update(state=FindingState.OPEN)
    with pytest.raises(RepairRefused, match="no longer found in them"):
        repair_apply(finding=finding, user=carol)
    Finding.objects.update(check_name="frozen")
    jump = stored("JUMP", scaled(market(), 0, 300, 1.9))
    with pytest.raises(RepairRefused, match=r"There is no repair to propose\. Look"):
        repair_apply(finding=jump, user=carol)
    with pytest.raises(RepairRefused, match="days of a calendar"):
        repair_propose(Finding(calendar="XNYS"))


def test_what_is_imported_over_a_repair_and_found_again_is_open_again(carol: User) -> None:
    finding = split()
    repair_apply(finding=finding, user=carol)
    assert finding.series
    bars_write(series=finding.series, bars=scaled(market(), 0, 300, 2.0), source="new")
    check(finding.series)
    assert Finding.objects.get(pk=finding.pk).state == FindingState.OPEN
    repaired = repair_apply(finding=finding, user=carol)  # again: only this one is undone
    assert len(repair_revisions(repaired)) == 1


def test_the_api_repairs_and_undoes(bob: User, carol: User, api: ApiOf) -> None:
    finding = stored("SLIP", at(market(), 300, low=float(market().low[300]) / 10))
    address, witness = f"{ADDRESS}/{finding.pk}", Witness()
    proposal = api(bob).get(f"{address}/repair")
    assert proposal.status_code == 200
    witness.see("GET", "/api/data/health/{finding_id}/repair", 200, proposal.json())
    assert (proposal.json()["changed"], proposal.json()["removed"]) == (1, 0)
    assert api(bob).post(f"{address}/repair").status_code == api(bob).post(f"{address}/undo").status_code == 403
    manager: Any = api(carol)
    assert manager.post(f"{address}/repair", {"mark": "other"}).status_code == 409
    for body in ({"mark": 5}, {"more": 1}):
        assert manager.post(f"{address}/repair", body).status_code == 400
    assert manager.post(f"{address}/undo").json()["detail"] == "It is open: there is no repair to undo."
    answer = manager.post(f"{address}/repair", {"mark": proposal.json()["mark"]})
    witness.see("POST", "/api/data/health/{finding_id}/repair", 200, answer.json())
    assert answer.json()["state"] == "repaired"
    twice = manager.post(f"{address}/repair")
    assert (twice.status_code, twice.json()["detail"]) == (409, "It is repaired: there is nothing to repair.")
    assert manager.get(f"{ADDRESS}?state=repaired").json()[0]["id"] == finding.pk
    assert manager.post(f"{address}/undo").json()["state"] == "open"
    assert manager.post(f"{ADDRESS}/999999/repair").status_code == manager.get(f"{ADDRESS}/9/repair").status_code == 404
    assert not witness.wrong, witness.wrong


def repair_and_undo(pk: int, user: int) -> None:
    """Until it is killed."""
    person = User.objects.get(pk=user)
    for _ in range(50):
        for change in (repair_apply, repair_undo):
            with suppress(RepairRefused):
                change(finding=Finding.objects.get(pk=pk), user=person)


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
def test_a_kill_leaves_it_whole_on_one_side(carol: User) -> None:
    finding = split()
    series = finding.series
    assert series
    before, after = fingerprint(load_bars(series)), fingerprint(repair_propose(finding).after)
    rng, moment = random.Random(3), timezone.now()
    for _ in range(times(3, 30)):
        connection.close()  # a forked process must not speak over this one's
        process = get_context("fork").Process(target=repair_and_undo, args=(finding.pk, carol.pk))
        process.start()
        process.join(rng.uniform(0.2, 1.0))
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL)
        state = Finding.objects.get(pk=finding.pk).state
        assert fingerprint(load_bars(series)) == (after if state == FindingState.REPAIRED else before)
        assert_figures_true(series)
        assert fingerprint(bars_as_known(series, moment)) == before


@pytest.mark.parametrize("make", [split, weekend])
def test_the_page_shows_applies_and_undoes(make: Any, bob: User, carol: User, browser_of: BrowserOf) -> None:
    finding = make()
    address = f"/data/health/{finding.pk}/repair"
    assert address in browser_of(bob).get("/data/health/").text
    page = browser_of(bob).get(address).text
    assert "Before and after" in page and "Apply repair" not in page and "A manager can apply it" in page
    browser = browser_of(carol)
    text = browser.get(address).text
    assert "Apply repair" in text and ("300 bars" if make is split else "20 bars") in text
    assert text.count("<del>") >= 12
    mark = repair_propose(finding).mark
    assert "have changed since you looked" in browser.post(address, {"mark": "other"}, follow=True).text
    done = browser.post(address, {"mark": mark}, follow=True).text
    assert "It can be undone." in done and "Undo repair" in done and "by carol" in done
    assert address in browser.get("/data/health/?state=repaired").text
    assert "Its bars are as they were." in browser.post(f"/data/health/{finding.pk}/undo", follow=True).text
    assert "there is no repair to undo" in browser.post(f"/data/health/{finding.pk}/undo", follow=True).text
    assert browser_of(bob).post(address).status_code == 403


def as_traded(symbol: str, bars: Bars, splits: dict[int, float]) -> Series:
    """Checked."""
    Instrument.objects.create(symbol=symbol, calendar=OWN)
    series = store_as_traded(empty(symbol, "1d"), bars, splits)
    check(series)
    return series


def test_a_split_that_is_missing_of_a_series_as_traded_is_put_on_record(carol: User, browser_of: BrowserOf) -> None:
    series = as_traded("TRD", split_at(market(), {150: 4.0, 300: 2.0}), {150: 4.0})
    finding, before = Finding.objects.select_related("series__instrument").get(check_name="split"), state_of(series)
    address = f"/data/health/{finding.pk}/repair"
    assert "counts times 0.5" in browser_of(carol).get(address).text
    proposal = repair_propose(finding)
    assert len(proposal.changed) == 300 and not len(proposal.removed)
    repaired = repair_apply(finding=finding, user=carol, mark=proposal.mark)
    assert repaired.state == FindingState.REPAIRED and state_of(series) == before
    action = CorporateAction.objects.get(series=series, source=f"repair {finding.pk}")
    assert (str(action.ex_day), action.ratio) == (day_of(market(), 300), 2.0)
    closes = load_marked(Series.objects.get(pk=series.pk)).bars.adjusted().close
    assert np.allclose(closes, market().close)
    check(series)
    assert Finding.objects.get(pk=finding.pk).state == FindingState.REPAIRED
    page = browser_of(carol).get(address).text
    assert "is on record" in page and "Undo repair" in page and page.count("<del>") >= 12
    undone = repair_undo(finding=repaired, user=carol)
    assert undone.state == FindingState.OPEN and CorporateAction.objects.get(series=series).ratio == 4.0
    with pytest.raises(RepairRefused, match="there is no repair to undo"):
        repair_undo(finding=undone, user=carol)
    record_split(series, day_of(market(), 300), 1.5)
    with pytest.raises(RepairRefused, match=r"on record, with another ratio|no longer found"):
        repair_propose(undone)


def test_of_a_series_as_traded_a_repair_stores_its_own_bars_alone(carol: User) -> None:
    bars = split_at(market(), {150: 4.0})
    slipped = at(bars, 300, low=float(bars.low[300]) / 10)
    series = as_traded("TRD", slipped, {150: 4.0})
    finding = Finding.objects.select_related("series__instrument").get(check_name="slip")
    assert repair_propose(finding).changed.tolist() == [bars.time[300]]
    repair_apply(finding=finding, user=carol)
    stored_bars = load_bars(series)
    assert stored_bars.low == pytest.approx(bars.low, rel=1e-12)
    assert (stored_bars.volume == bars.volume).all() and (stored_bars.adj_close == bars.adj_close).all()


def test_frozen_bars_are_taken_away_and_come_back(carol: User) -> None:
    bars = market()
    is_frozen = np.isin(np.arange(len(bars)), np.arange(300, 308))
    names = ("open", "high", "low", "close", "adj_close")
    columns = {name: np.where(is_frozen, bars.close[299], getattr(bars, name)) for name in names}
    finding = stored("FRZN", replace(bars, **columns))
    before = state_of(finding.series)
    assert finding.check_name == "frozen" and len(repair_propose(finding).removed) == 8
    repaired = repair_apply(finding=finding, user=carol)
    assert len(load_bars(repaired.series)) == len(bars) - 8
    assert repair_undo(finding=repaired, user=carol) and state_of(finding.series) == before


def test_the_page_says_why_there_is_no_repair(bob: User, browser_of: BrowserOf) -> None:
    finding = stored("JUMP", scaled(market(), 0, 300, 1.9))
    page = browser_of(bob).get(f"/data/health/{finding.pk}/repair").text
    assert "There is no repair to propose." in page and "Apply" not in page
    assert "/repair" not in browser_of(bob).get("/data/health/").text
