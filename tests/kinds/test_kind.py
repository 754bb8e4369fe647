"""A further kind of run is one folder and one line of settings: nothing else has to know it."""

import os
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from tests.kinds.count.recipe import CountSpec
from tests.people import ApiOf, BrowserOf
from training.models import Status, TrainingRun
from training.quant.candle.spec import SpecError
from training.queue import leases
from training.runs.services import run_cancel, run_create
from training.worker.execute import execute
from training.worker.housekeeping import delete_expired

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def carried(user: User) -> TrainingRun:
    run = run_create(spec=CountSpec(4), user=user)
    assert leases.next_queued() == run.pk
    token = leases.claim(run.pk, host="test", pid=os.getpid())
    assert token is not None
    execute(run_pk=run.pk, token=token)
    run.refresh_from_db()
    return run


def test_it_is_queued_run_and_answered_over_the_api(alice: User, bob: User, api: ApiOf) -> None:
    run = carried(alice)
    assert (run.status, run.result["total"]) == (Status.COMPLETED, 10)
    answer = api(bob).get(f"/api/training/runs/{run.run_id}").json()
    assert (answer["kind"], answer["status"], answer["result"]["total"]) == ("count", "completed", 10)
    for query in ("", "?kind=count"):
        assert [line["run_id"] for line in api(bob).get(f"/api/training/runs{query}").json()] == [run.run_id]
    assert "CountRun" in api(bob).get("/api/schema").text


def test_it_is_drawn_on_a_page_and_a_line_of_the_list(alice: User, bob: User, browser_of: BrowserOf) -> None:
    run = carried(alice)
    page = browser_of(bob).get(f"/runs/{run.run_id}/").text
    assert "The sum is 10." in page and "4 of 4" in page and "data-poll" not in page
    listed = browser_of(bob).get("/runs/?kind=count").text
    assert run.run_id in listed and "count" in listed


def test_it_is_cancelled(alice: User, browser_of: BrowserOf) -> None:
    run = run_create(spec=CountSpec(4), user=alice)
    page = browser_of(alice).get(f"/runs/{run.run_id}/").text
    assert "data-poll" in page and "Cancel" in page
    browser_of(alice).post(f"/runs/{run.run_id}/cancel")
    run.refresh_from_db()
    assert run.status == Status.CANCELLED
    running = run_create(spec=CountSpec(4), user=alice)
    token = leases.claim(running.pk, host="test", pid=os.getpid())
    assert token is not None
    run_cancel(run=running, user=alice)
    with pytest.raises(leases.Cancelled):
        execute(run_pk=running.pk, token=token)


def test_it_refuses_what_can_come_to_nothing_and_counts_towards_the_limit(alice: User, settings: object) -> None:
    with pytest.raises(SpecError):
        run_create(spec=CountSpec(0), user=alice)
    assert run_create(spec=CountSpec(1), user=alice).counts


def test_it_is_gone_after_the_days_that_its_kind_keeps(alice: User) -> None:
    run, young = carried(alice), carried(alice)
    TrainingRun.objects.filter(pk=run.pk).update(finished_at=Now() - timedelta(days=2))
    assert delete_expired() == 1
    assert list(TrainingRun.objects.existing()) == [young]
