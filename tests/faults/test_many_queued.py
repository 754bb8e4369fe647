"""A thousand runs wait, as an admin may allow: pages ask the database no more than for sixty, and of all that is killed
and cancelled meanwhile nothing is lost, stuck or doubled."""

import os
import signal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from instruments.models import Series
from tests.faults.crew import crew, group, until, until_ended
from tests.market import candle, make_series
from tests.people import ApiOf, BrowserOf
from training.artifacts.integrity import inventory
from training.errors import TooLate, TooManyRuns
from training.models import ModelVersion, RunEvent, Status, TrainingRun
from training.quant.candle.spec import CandleSpec
from training.queue import leases
from training.queue.broker import waiting
from training.runs import services

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]
MANY, CARRIED = 1_000, 12


@pytest.fixture
def series() -> Series:
    return make_series(bars=2400)


def ask(user: User, number: int) -> TrainingRun:
    spec = CandleSpec(
        candle=candle(1300 + number), symbol="SPY", train_years=4.0, protocol="poc", feature_set="poc16", confirm=False
    )
    return services.run_create(user=user, spec=spec)


def ask_for_more(run: TrainingRun, count: int) -> None:
    """Runs like this one, with their wake-ups."""
    fields = {
        field.attname: getattr(run, field.attname) for field in run._meta.concrete_fields if not field.primary_key
    }
    made = TrainingRun.objects.count()
    numbered = ({"run_id": f"{run.run_id[:-4]}{number:04d}"} for number in range(made, made + count))
    TrainingRun.objects.bulk_create(TrainingRun(**fields | name) for name in numbered)
    kick = waiting().first()
    OrmQ.objects.bulk_create(OrmQ(key=kick.key, payload=kick.payload, lock=kick.lock) for _ in range(count))


def test_it_is_looked_at_with_as_many_queries_as_sixty(
    alice: User, api: ApiOf, browser_of: BrowserOf, series: Series, settings: Any
) -> None:
    settings.MAX_QUEUED = settings.MAX_ACTIVE_PER_USER = MANY
    browser, program, run = browser_of(alice), api(alice), ask(alice, 0)

    def asked() -> dict[str, int]:
        counts = {}
        for client, path in (
            (browser, "/runs/"), (browser, "/workers/"), (browser, "/"), (browser, f"/runs/{run.run_id}/"),
            (program, "/metrics"), (program, "/api/training/runs"), (program, f"/api/training/runs/{run.run_id}"),
        ):  # fmt: skip
            with CaptureQueriesContext(connection) as queries:
                assert client.get(path).status_code == 200, path
            counts[path] = len(queries)
        with CaptureQueriesContext(connection) as queries:
            assert leases.next_queued() == run.pk
        return counts | {"whose turn": len(queries)}

    ask_for_more(run, 59)
    asked()  # what is read only once is
    of_sixty = asked()
    ask_for_more(ask(alice, 1), MANY - 61)
    assert asked() == of_sixty
    with pytest.raises(TooManyRuns, match="1000 runs"):
        ask(alice, 2)


def test_nothing_is_lost_stuck_or_doubled(alice: User, series: Series) -> None:
    ask_for_more(ask(alice, 0), MANY - 1)
    asked = TrainingRun.objects.filter(kind="candle")  # a check of the bars may come too
    runs, ended = list(asked), asked.filter(finished_at__isnull=False)
    completed = asked.filter(status=Status.COMPLETED)
    with crew() as workers:
        for victim in ("worker0", "sentinel", "pusher"):
            before = completed.count()
            until(lambda before=before: completed.count() > before + 1, what="runs that end")
            os.kill(workers.parts()[victim], signal.SIGKILL)
        os.kill(workers.main, signal.SIGKILL)  # and everything with it
        until(lambda: not group(workers.pgid), what="no orphan")
    with crew() as workers:
        until(lambda: completed.count() >= CARRIED, what="runs that end")
        too_late = 0
        for run in runs:
            try:
                services.run_cancel(run=run, user=alice)
            except TooLate:
                too_late += 1
        until_ended(*runs)
        until(lambda: not waiting().exists(), what="no wake-up left")
        assert workers.stop() == 0
    assert ended.count() == MANY
    statuses = dict.fromkeys((Status.COMPLETED, Status.CANCELLED), 0)
    for status in ended.values_list("status", flat=True):
        statuses[status] += 1
    assert statuses == {Status.COMPLETED: too_late, Status.CANCELLED: MANY - too_late}
    assert ModelVersion.objects.count() == too_late
    told = RunEvent.objects.filter(run__in=asked)
    assert told.filter(stage=Status.COMPLETED).count() == too_late
    assert told.filter(stage=Status.CANCELLED).count() == MANY - too_late
    found = inventory()
    assert (found.missing, found.changed) == ([], [])
