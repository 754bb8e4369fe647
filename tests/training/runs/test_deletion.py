"""Runs that are deleted can be brought back for ten minutes; then row and files are gone, and the try stays."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils import timezone

from boursomatic.accounts.models import AuditEntry
from tests.market import candle, make_series
from tests.people import BrowserOf
from tests.training.carrying import carried
from tests.training.run_builders import make_model, make_run
from training.artifacts.storage import run_folder
from training.errors import TooLate
from training.models import RunEvent, Status, TrainingRun, Trial
from training.runs import deletion, services
from training.runs.annotations import run_describe
from training.worker import housekeeping

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
BODY = {"candle_date": candle(500), "symbol": "SPY", "train_years": 1.0, "confirm": False}


def grow_old(run: TrainingRun) -> None:
    TrainingRun.objects.filter(pk=run.pk).update(deleted_at=Now() - deletion.UNDO - timedelta(seconds=1))


def folder(run: TrainingRun) -> Path:
    return Path(site.ARTIFACT_ROOT) / run_folder(run.run_id)


def test_it_removes_row_and_files_ten_minutes_later(alice: User) -> None:
    make_series()
    run = carried(BODY, user=alice)
    services.follow_up_create(verb="verify", run=run, user=alice)
    services.run_delete(run=run, user=alice)
    assert deletion.sweep_deleted(10) == 0
    assert folder(run).is_dir()
    grow_old(run)
    assert deletion.sweep_deleted(10) == 1
    assert not folder(run).exists()
    assert not TrainingRun.objects.exists()
    assert not RunEvent.objects.exists()
    assert Trial.objects.get().run_id == run.run_id
    assert AuditEntry.objects.filter(action="run.sweep", subject=run.run_id).exists()


def test_it_keeps_what_was_not_deleted_and_what_is_active(alice: User) -> None:
    make_run(alice, status=Status.COMPLETED)
    active = make_run(alice, status=Status.COMPLETED)
    make_model(active, is_active=True)
    grow_old(active)
    assert deletion.sweep_deleted(10) == 0


def test_it_brings_a_run_back(alice: User, browser_of: BrowserOf) -> None:
    run = make_run(alice, status=Status.COMPLETED)
    services.run_delete(run=run, user=alice)
    answer = browser_of(alice).post(f"/runs/{run.run_id}/restore")
    assert answer["Location"] == f"/runs/{run.run_id}/"
    run.refresh_from_db()
    assert run.deleted_at is None


def test_it_brings_nobody_elses_run_back(alice: User, browser_of: BrowserOf, bob: User) -> None:
    run = make_run(None, status=Status.COMPLETED)
    services.run_delete(run=run, user=None)
    assert browser_of(alice).post(f"/runs/{run.run_id}/restore").status_code == 403
    assert browser_of(bob).post(f"/runs/{run.run_id}/restore").status_code == 403


def test_it_brings_nothing_back_after_ten_minutes(alice: User) -> None:
    run = make_run(alice, status=Status.COMPLETED)
    grow_old(run)
    run.refresh_from_db()
    with pytest.raises(TooLate, match="more than ten minutes ago"):
        deletion.run_undelete(run=run, user=alice)


def test_it_deletes_by_age_when_it_is_told_to(alice: User, settings: Any) -> None:
    long_ago = timezone.now() - timedelta(days=31)
    old = make_run(alice, status=Status.FAILED, finished_at=long_ago)
    active = make_run(alice, status=Status.COMPLETED, finished_at=long_ago)
    make_model(active, is_active=True)
    young = make_run(alice, status=Status.COMPLETED)
    pinned = make_run(alice, status=Status.COMPLETED, finished_at=long_ago)
    run_describe(run=pinned, user=alice, changes={"pinned": True})
    settings.RETENTION_DAYS = 0
    assert housekeeping.delete_expired() == 0
    settings.RETENTION_DAYS = 30
    assert housekeeping.delete_expired() == 1
    assert set(TrainingRun.objects.existing()) == {active, young, pinned}
    assert not TrainingRun.objects.existing().filter(pk=old.pk).exists()


def test_it_previews_before_it_deletes_many(alice: User, browser_of: BrowserOf) -> None:
    mine = [make_run(alice, status=status) for status in Status]
    others = make_run(None, status=Status.FAILED)
    browser = browser_of(alice)
    page = browser.get("/runs/bulk-delete/")
    assert page.context["count"] == 3
    assert page.context["through"] == mine[-1].pk
    later = make_run(alice, status=Status.FAILED)
    answer = browser.post("/runs/bulk-delete/", {"through": page.context["through"], "count": "3"})
    assert answer["Location"] == "/runs/"
    left = set(TrainingRun.objects.existing())
    assert left == {others, later, *[run for run in mine if not run.is_terminal]}


def test_it_deletes_many_by_filter(carol: User, alice: User, browser_of: BrowserOf) -> None:
    failed, done = (make_run(alice, status=status) for status in (Status.FAILED, Status.COMPLETED))
    browser = browser_of(carol)
    page = browser.get("/runs/bulk-delete/?status=failed&person=alice")
    assert (page.context["count"], page.context["through"]) == (1, failed.pk)
    browser.post("/runs/bulk-delete/?status=failed&person=alice", {"through": failed.pk, "count": "1"})
    assert list(TrainingRun.objects.existing()) == [done]


def test_it_deletes_nothing_without_a_preview(alice: User, browser_of: BrowserOf) -> None:
    make_run(alice, status=Status.FAILED)
    assert browser_of(alice).post("/runs/bulk-delete/").status_code == 400
    assert (
        browser_of(alice).post("/runs/bulk-delete/?status=strange", {"through": "9", "count": "1"}).status_code == 400
    )
    assert TrainingRun.objects.existing().count() == 1


def test_it_deletes_the_ticked_and_takes_them_back_together(alice: User, browser_of: BrowserOf) -> None:
    browser = browser_of(alice)
    ticked = [make_run(alice, status=Status.COMPLETED) for _ in range(3)]
    other = make_run(alice, status=Status.FAILED)
    run_describe(run=ticked[0], user=alice, changes={"pinned": True})
    address = "/runs/bulk-delete/?" + "&".join(f"runs={run.run_id}" for run in ticked)
    page = browser.get(address)
    assert page.context["count"] == 3
    browser.post(address, {"through": page.context["through"]})
    assert list(TrainingRun.objects.existing()) == [other]
    shown = browser.get("/runs/")
    [gone] = shown.context["deletions"]
    assert gone.runs == 3 and "3 runs were deleted" in shown.text
    assert "3 runs are back." in browser.post(f"/runs/deletions/{gone.key}/restore", follow=True).text
    assert set(TrainingRun.objects.existing()) == {*ticked, other}
    assert "is back already" in browser.post(f"/runs/deletions/{gone.key}/restore", follow=True).text


def test_it_deletes_more_than_one_statement_takes(
    alice: User, browser_of: BrowserOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "AT_ONCE", 2)
    monkeypatch.setattr(deletion, "MEASURED", 2)
    for _ in range(5):
        make_run(alice, status=Status.FAILED)
    page = browser_of(alice).get("/runs/bulk-delete/")
    assert page.context["is_estimate"] and "about" in page.text
    browser_of(alice).post("/runs/bulk-delete/", {"through": page.context["through"]})
    assert [gone.runs for gone in deletion.recent_deletions(alice)] == [5]


def test_it_says_which_ticked_runs_stay_and_why(alice: User, carol: User, browser_of: BrowserOf) -> None:
    done, running, active = (make_run(alice, status=status) for status in ("failed", "running", "completed"))
    make_model(active, is_active=True)
    theirs = make_run(carol, status=Status.FAILED)
    gone = make_run(alice, status=Status.FAILED, deleted_at=timezone.now())
    names = [*(run.run_id for run in (done, running, active, theirs, gone)), "nothing"]
    address = "/runs/bulk-delete/?" + "&".join(f"runs={name}" for name in names)
    page = browser_of(alice).get(address)
    assert page.context["count"] == 1
    why = dict(page.context["kept_back"])
    assert [why[name] for name in names[1:]] == [
        "it is running; cancel it first",
        "its model is active; deactivate it first",
        "it is another member's",
        "it was deleted already",
        "there is no such run",
    ]
    answer = browser_of(alice).post(address, {"through": page.context["through"]}, follow=True)
    assert "1 run is deleted. Not deleted:" in answer.text and "its model is active" in answer.text


def test_it_does_nothing_twice_by_a_double_click_or_a_second_tab(alice: User, browser_of: BrowserOf) -> None:
    browser, runs = browser_of(alice), [make_run(alice, status=Status.FAILED) for _ in range(2)]
    address = f"/runs/bulk-delete/?runs={runs[0].run_id}"
    both = f"{address}&runs={runs[1].run_id}"
    through = browser.get(both).context["through"]
    browser.post(address, {"through": through})
    first = deletion.recent_deletions(alice)
    browser.post(address, {"through": through})
    assert deletion.recent_deletions(alice) == first
    browser.post(both, {"through": through})  # the second tab still shows both
    assert [gone.runs for gone in deletion.recent_deletions(alice)] == [1, 1]
    for gone in deletion.recent_deletions(alice):
        browser.post(f"/runs/deletions/{gone.key}/restore")
    assert TrainingRun.objects.existing().count() == 2


def test_it_takes_back_what_a_filter_deleted(carol: User, alice: User, bob: User, browser_of: BrowserOf) -> None:
    runs = [make_run(alice, status=Status.FAILED) for _ in range(3)]
    pinned = make_run(alice, status=Status.FAILED)
    run_describe(run=pinned, user=alice, changes={"pinned": True})
    page = browser_of(carol).get("/runs/bulk-delete/?status=failed")
    browser_of(carol).post("/runs/bulk-delete/?status=failed", {"through": page.context["through"]})
    assert list(TrainingRun.objects.existing()) == [pinned]
    [gone] = deletion.recent_deletions(carol)
    assert not browser_of(bob).get("/runs/").context.get("deletions")
    assert browser_of(bob).post(f"/runs/deletions/{gone.key}/restore").status_code == 403
    assert deletion.runs_undelete(deletion=gone.key, user=carol) == len(runs)
    services.run_delete(run=runs[0], user=alice)
    grow_old(runs[0])
    assert deletion.recent_deletions(alice) == []


def test_it_takes_nothing_back_that_was_swept(alice: User) -> None:
    run = make_run(alice, status=Status.FAILED)
    services.run_delete(run=run, user=alice)
    [gone] = deletion.recent_deletions(alice)
    grow_old(run)
    assert deletion.sweep_deleted(10) == 1
    with pytest.raises(TooLate, match="ten minutes are over"):
        deletion.runs_undelete(deletion=gone.key, user=alice)
