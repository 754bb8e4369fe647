"""The page of those who carry the runs."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from boursomatic.accounts.models import AuditEntry
from tests.people import BrowserOf
from tests.training.run_builders import make_run
from training.models import Reason, Status, WorkerHost, WorkerProcess
from training.queue import clock, hosts, release

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def make_process(host: str, pid: int, *, silent_s: float = 0.0, **more: object) -> WorkerProcess:
    beat = clock.read() - timedelta(seconds=silent_s)
    fixed = {"host": host, "pid": pid, "started_at": timezone.now(), "beat_at": beat}
    return WorkerProcess.objects.create(**{"release": release.ours(), **fixed, **more})


def make_host(name: str, **more: object) -> WorkerHost:
    fixed = {"name": name, "cores": 2, "memory": 8 * 10**9, "slots": 2, "queues": [0, 1, 2, 3], "ahead_s": 0.0}
    return WorkerHost.objects.create(**{**fixed, "beat_at": clock.read(), **more})


def test_it_says_when_nobody_is_there(bob: User, browser_of: BrowserOf) -> None:
    page = browser_of(bob).get("/workers/").content.decode()
    assert "No workers" in page
    assert "An administrator can start them" in page


def test_it_shows_hosts_processes_and_what_they_do(bob: User, alice: User, browser_of: BrowserOf) -> None:
    run = make_run(alice, status=Status.RUNNING, stage="fit", attempt=2)
    make_process("anvil", 11, run=run)
    make_process("anvil", 12, silent_s=10 * hosts.ALIVE_S)
    make_process("bellows", 13)
    page = browser_of(bob).get("/workers/")
    assert [(host["name"], host["alive"]) for host in page.context["hosts"]] == [("anvil", 1), ("bellows", 1)]
    text = page.content.decode()
    assert f"/runs/{run.run_id}/" in text
    assert "fit, attempt 2" in text
    assert "not responding" in text


def test_it_says_which_host_runs_another_release_than_the_deployed_one(bob: User, browser_of: BrowserOf) -> None:
    make_process("anvil", 11, release="0.1.0+older")
    make_process("bellows", 13)
    page = browser_of(bob).get("/workers/")
    assert [(host["name"], host["replaced"]) for host in page.context["hosts"]] == [
        ("anvil", "0.1.0+older"),
        ("bellows", None),
    ]
    assert page.text.count("takes nothing more") == 1 and release.ours() in page.text


def test_it_shows_the_queue_and_its_oldest(bob: User, alice: User, browser_of: BrowserOf) -> None:
    make_run(alice, created_at=timezone.now() - timedelta(seconds=90))
    make_run(alice)
    context = browser_of(bob).get("/workers/").context
    assert (context["queued"], context["running"]) == (2, 0)
    assert 90 <= context["oldest_waits_s"] < 150


def test_it_counts_the_failures_of_the_last_day_by_reason(bob: User, alice: User, browser_of: BrowserOf) -> None:
    for reason in (Reason.DISK_FULL, Reason.LOST_WORKER, Reason.DISK_FULL):
        make_run(alice, status=Status.FAILED, error_reason=reason)
    old = timezone.now() - timedelta(days=2)
    make_run(alice, status=Status.FAILED, error_reason=Reason.BUG, finished_at=old)
    page = browser_of(bob).get("/workers/")
    assert [(one["error_reason"], one["count"]) for one in page.context["failures"]] == [
        ("disk_full", 2), ("lost_worker", 1),
    ]  # fmt: skip
    assert "The disk was full" in page.text and "disk_full" not in page.text


def test_it_takes_back_what_a_lost_worker_held(bob: User, alice: User, browser_of: BrowserOf) -> None:
    make_run(alice, status=Status.RUNNING, attempt=1, lease_beat_at=clock.read() - timedelta(hours=1))
    assert browser_of(bob).get("/workers/").context["queued"] == 1


def test_it_costs_the_same_however_many_there_are(
    bob: User, alice: User, browser_of: BrowserOf, django_assert_max_num_queries: object
) -> None:
    for n in range(30):
        make_process("anvil", 100 + n, run=make_run(alice, status=Status.RUNNING))
    browser = browser_of(bob)
    with django_assert_max_num_queries(15):  # type: ignore[operator]  # pytest-django's fixture
        browser.get("/workers/", headers={"HX-Request": "true"})


def test_a_manager_drains_a_host_and_resumes_it(bob: User, carol: User, browser_of: BrowserOf) -> None:
    make_process("anvil", 11)
    make_host("anvil")
    assert "Drain" not in browser_of(bob).get("/workers/").text
    assert browser_of(bob).post("/workers/anvil/drain").status_code == 403
    manager = browser_of(carol)
    page = manager.post("/workers/anvil/drain", follow=True).text
    assert "anvil finishes what it holds and takes nothing more." in page and "Drained since" in page
    assert AuditEntry.objects.latest("pk").action == "host.drain"
    page = manager.post("/workers/anvil/resume", follow=True).text
    assert "anvil takes runs again." in page and "Drained since" not in page
    assert "gone is gone" in manager.post("/workers/gone/drain", follow=True).text


def test_it_shows_what_each_host_has_and_a_clock_that_is_off(bob: User, browser_of: BrowserOf) -> None:
    make_process("anvil", 11)
    make_host("anvil", queues=[0, 3], ahead_s=-61.5)
    make_run(None, kind="recommend")
    text = browser_of(bob).get("/workers/").text
    assert "2 cores" in text and "8.0 GB memory" in text and "takes click, chunk" in text
    assert "clock -61.5 s against" in text and "Set it, by NTP" in text
    assert "No host takes runs of the queue “data”, so it waits." in text
