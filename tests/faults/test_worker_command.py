"""Runs survive whatever is killed: real processes, on both databases."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django_q.tasks import async_task

from instruments.models import Series
from tests.faults.crew import Crew, crew, group, status_of, until, until_ended
from tests.market import candle, make_series
from training import leases, presence, services, worker
from training.models import ModelVersion, RunEvent, Status, TrainingRun
from training.quant.spec import CandleSpec

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]

TWO_HEARTBEATS_AND_START = 2 * leases.LEASE_S + 15.0


@pytest.fixture
def workers() -> Iterator[Crew]:
    with crew() as made:
        yield made


@pytest.fixture
def series() -> Series:
    return make_series(bars=2400)


def spec(position: int = 2300) -> CandleSpec:
    """Long enough to be caught in the middle of: the original recipe looks at 150 rounds in vain before it stops."""
    return CandleSpec(
        candle=candle(position), symbol="SPY", train_years=8.0, protocol="poc", feature_set="poc16", learning_rate=0.01
    )


def ask(series: Series, position: int = 2300) -> TrainingRun:
    return services.candle_run_create(user=None, spec=spec(position))


def folder_of(run: TrainingRun) -> Path:
    return Path(settings.ARTIFACT_ROOT) / "on_demand_runs" / run.run_id


def assert_completed_once(*runs: TrainingRun) -> None:
    for run in runs:
        run.refresh_from_db()
        assert (run.status, run.error) == (Status.COMPLETED, "")
        assert ModelVersion.objects.filter(run=run).count() == 1
        assert (folder_of(run) / "model.txt").is_file()


def test_it_trains_what_was_asked_for(workers: Crew, series: Series) -> None:
    run = ask(series)
    assert until_ended(run) == ["completed"]
    assert_completed_once(run)
    assert run.attempt == 1


def test_it_trains_again_when_the_child_is_killed(workers: Crew, series: Series) -> None:
    run = ask(series)
    os.kill(workers.child_of(run), signal.SIGKILL)
    until_ended(run, seconds=TWO_HEARTBEATS_AND_START)
    assert_completed_once(run)
    assert run.attempt == 2


def test_it_takes_the_run_from_a_stopped_child(workers: Crew, series: Series) -> None:
    run = ask(series)
    stopped = workers.child_of(run)
    until_ended(run, seconds=TWO_HEARTBEATS_AND_START)
    assert_completed_once(run)
    assert run.attempt == 2
    assert stopped not in group(workers.pgid)


@pytest.mark.parametrize("part", ["worker", "sentinel", "monitor", "pusher"])
def test_it_trains_again_when_a_part_dies_mid_run(workers: Crew, series: Series, part: str) -> None:
    run = ask(series)
    child = workers.child_of(run)
    victim = status_of(run, "worker_pid") if part == "worker" else workers.parts()[part]
    assert isinstance(victim, int)
    os.kill(victim, signal.SIGKILL)
    until(lambda: child not in group(workers.pgid), 5, "the child gone with its worker")
    until_ended(run, seconds=TWO_HEARTBEATS_AND_START)
    assert_completed_once(run)


@pytest.mark.parametrize("part", ["worker0", "worker1", "sentinel", "monitor", "pusher"])
def test_it_takes_the_next_run_after_an_idle_part_was_killed(workers: Crew, series: Series, part: str) -> None:
    os.kill(workers.parts()[part], signal.SIGKILL)
    run = ask(series)
    until_ended(run, seconds=TWO_HEARTBEATS_AND_START)
    assert_completed_once(run)


def test_it_leaves_no_orphan_when_its_main_process_is_killed(workers: Crew, series: Series) -> None:
    run = ask(series)
    workers.child_of(run)
    os.kill(workers.main, signal.SIGKILL)
    workers.process.wait()
    until(lambda: not group(workers.pgid), 5, "no orphan")
    with crew():
        until_ended(run, seconds=TWO_HEARTBEATS_AND_START)
    assert_completed_once(run)


@pytest.mark.parametrize("to_group", [False, True])
def test_it_gives_runs_back_when_told_to_stop(workers: Crew, series: Series, to_group: bool) -> None:
    run = ask(series)
    workers.child_of(run)
    started = time.monotonic()
    if to_group:
        os.killpg(workers.pgid, signal.SIGTERM)
    else:
        workers.process.terminate()
    assert workers.process.wait(10) == 0
    assert time.monotonic() - started < 8
    assert group(workers.pgid) == []
    assert status_of(run) == Status.QUEUED
    assert not presence.alive().exists()


def test_it_cancels_a_running_run_within_two_seconds(workers: Crew, series: Series) -> None:
    run = ask(series)
    child = workers.child_of(run)
    started = time.monotonic()
    services.run_cancel(run=run, user=None)
    assert until_ended(run, seconds=2) == ["cancelled"]
    assert time.monotonic() - started < 2
    until(lambda: child not in group(workers.pgid), 2, "the child gone")
    assert not ModelVersion.objects.exists()
    assert not folder_of(run).exists()


def test_it_makes_one_result_of_ten_deliveries(workers: Crew, series: Series) -> None:
    runs = [ask(series, 2200 + n) for n in range(5)]
    for run in runs * 10:
        async_task("training.worker.run_carry", run.pk, save=False)
    until_ended(*runs, seconds=60)
    assert_completed_once(*runs)
    assert {run.attempt for run in runs} == {1}


def test_it_carries_a_run_once_though_ten_workers_try(series: Series) -> None:
    """Without a queue between: the claim alone decides."""
    run = ask(series)
    carried: list[bool] = []

    def attempt() -> None:
        token = leases.claim(run.pk, host="h", pid=os.getpid())
        carried.append(token is not None)
        connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(carried) == [False] * 9 + [True]
    assert not worker.carry(run.pk)


def test_it_finds_runs_that_lost_their_kick(workers: Crew, series: Series) -> None:
    run = services.candle_run_start(user=None, spec=spec())
    until_ended(run)
    assert_completed_once(run)


def test_it_logs_each_attempt(workers: Crew, series: Series) -> None:
    run = ask(series)
    os.kill(workers.child_of(run), signal.SIGKILL)
    until_ended(run, seconds=TWO_HEARTBEATS_AND_START)
    stages = list(RunEvent.objects.filter(run=run).values_list("stage", "attempt"))
    assert [s for s in stages if s[0] in ("queued", "start", "completed")] == [
        ("queued", 0), ("start", 1), ("queued", 1), ("start", 2), ("completed", 2),
    ]  # fmt: skip
