"""What a worker asks the database while a run's process works."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, connections
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from tests.market import candle, make_series
from tests.training.run_builders import make_run
from training.artifacts.storage import artifact_storage
from training.models import Reason, RunEvent, Status, TrainingRun
from training.quant.candle.request import parse_candle_spec
from training.queue import hosts, leases
from training.queue.broker import waiting
from training.worker import heartbeat, runner
from training.worker.child import Child
from training.worker.foreground import create_claimed, execute_family
from training.worker.outcome import OutcomeKind, RunOutcome
from training.worker.runner import READY, TICK_S, Held, Watch, claim_and_execute, execute_run

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Over a process that goes on until it is killed."""
    run = make_run(None, status=Status.QUEUED)
    token = leases.claim(run.pk, host="test", pid=os.getpid())
    assert token is not None
    connections.close_all()
    child = Child.start(signal.pause)
    try:
        yield Watch(Held(run.pk, run.run_id, run.kind, token, 1), child, 60.0)
    finally:
        child.kill()


def ticks(watch: Watch, seconds: float) -> list[RunOutcome | None]:
    """What each tick of so many seconds says, without waiting for them."""
    moments = [watch.started + TICK_S * number for number in range(1, round(seconds / TICK_S) + 1)]
    return [watch._reason_to_stop(moment) for moment in moments]


def no_room() -> int:
    raise BlockingIOError


def test_where_there_is_no_room_for_a_process_nothing_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", no_room)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for start in (Child.start, Child.ready):
        with pytest.raises(BlockingIOError):
            start(signal.pause)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_run_that_there_is_no_room_for_waits_and_has_lost_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(None, status=Status.QUEUED)
    monkeypatch.setattr(runner, "NO_ROOM_S", 0.0)
    with monkeypatch.context() as full:
        full.setattr(os, "fork", no_room)
        for _ in range(leases.MAX_ATTEMPTS + 1):
            assert claim_and_execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.attempt, run.error) == (Status.QUEUED, 0, "")
    assert run.message == "The host had no room for a process; it begins again by itself once a worker can take it."


def test_it_asks_a_few_times_a_second(watch: Watch) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert not any(ticks(watch, 2.0))
    assert 0 < sum("cancel_requested_at" in query["sql"] for query in queries) <= 2 * 4


def test_a_wake_up_that_this_host_can_not_use_is_for_another() -> None:
    """It may take all of them before any of its workers has claimed a run."""
    heartbeat.beat(())
    make_run(None, status=Status.QUEUED, memory=2**60)
    try:
        execute_run()
        assert waiting().count() == 1 and not hosts.is_open()
        for _ in range(settings.WORKERS + 3):
            execute_run()
        assert waiting().count() == settings.WORKERS + 1, "enough for whoever can use them"
        TrainingRun.objects.all().delete()
        waiting().delete()
        execute_run()
        assert not waiting().exists(), "nothing waits any more"
    finally:
        READY.take().kill()


def test_it_sees_a_cancel_within_three_tenths_of_a_second(watch: Watch) -> None:
    TrainingRun.objects.filter(pk=watch.held.pk).update(cancel_requested_at=Now())
    assert RunOutcome(OutcomeKind.CANCELLED) in ticks(watch, 0.3)


def test_a_run_whose_store_is_away_waits_and_has_lost_no_attempt() -> None:
    run = make_run(None, status=Status.QUEUED)
    artifact_storage().write_marker("another database's")  # after the worker has looked
    for _ in range(leases.MAX_ATTEMPTS + 1):
        assert claim_and_execute(run.pk)
    run.refresh_from_db()
    assert (run.status, run.attempt, run.error) == (Status.QUEUED, 0, "")
    last = RunEvent.objects.filter(run=run).latest("pk")
    assert last.text == "The artifact store was away; back in the queue."


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_command_refuses_where_its_store_is_away(jobs: int) -> None:
    make_series()
    artifact_storage().write_marker("another database's")
    family = create_claimed(parse_candle_spec({"candle_date": candle(500), "symbol": "SPY"}))
    outcome = execute_family(family, None, jobs=jobs)
    assert (outcome.outcome, outcome.reason) == (OutcomeKind.FAILED, Reason.STORE)
    run = TrainingRun.objects.get()
    assert run.status == Status.FAILED and "belongs to another database" in run.error
