"""What a worker asks the database while a run's process works."""

import os
import signal
from collections.abc import Iterator

import pytest
from django.db import connection, connections
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from tests.training.run_builders import make_run
from training.models import Status, TrainingRun
from training.queue import leases
from training.worker.child import Child
from training.worker.outcome import OutcomeKind, RunOutcome
from training.worker.runner import TICK_S, Held, Watch

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


def test_it_asks_a_few_times_a_second(watch: Watch) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert not any(ticks(watch, 2.0))
    assert 0 < sum("cancel_requested_at" in query["sql"] for query in queries) <= 2 * 4


def test_it_sees_a_cancel_within_three_tenths_of_a_second(watch: Watch) -> None:
    TrainingRun.objects.filter(pk=watch.held.pk).update(cancel_requested_at=Now())
    assert RunOutcome(OutcomeKind.CANCELLED) in ticks(watch, 0.3)
