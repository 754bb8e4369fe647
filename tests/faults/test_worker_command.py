"""Runs survive whatever is killed: real processes, on both databases."""

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.db.models.functions import Now
from django_q.tasks import async_task

from boursomatic.backup.artifacts import STAGING
from instruments.models import Series
from tests.faults.crew import CATCH_S, WAIT_S, Crew, children, crew, group, started, status_of, until, until_ended
from tests.faults.scale import times
from tests.market import candle, make_series
from tests.training.run_builders import make_run
from training.artifacts.integrity import inventory
from training.artifacts.storage import artifact_storage
from training.errors import TooLate
from training.models import DeployedRelease, ModelVersion, RunEvent, Status, TrainingRun, WorkerHost
from training.quant.candle.spec import CandleSpec
from training.queue import hosts, leases
from training.runs import services
from training.runs.deletion import UNDO
from training.worker import runner
from training.worker.child import Child
from training.worker.execute import execute
from training.worker.housekeeping import sweep_orphans

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]
TWO_HEARTBEATS_AND_START = 2 * leases.LEASE_S + 60.0  # a start takes long while other tests run


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
    return services.run_create(user=None, spec=spec(position))


def folder_of(run: TrainingRun) -> Path:
    return Path(settings.ARTIFACT_ROOT) / "on_demand_runs" / run.run_id


def assert_completed_once(*runs: TrainingRun) -> None:
    for run in runs:
        run.refresh_from_db()
        assert (run.status, run.error) == (Status.COMPLETED, "")
        assert ModelVersion.objects.filter(run=run).count() == 1
        assert (folder_of(run) / "model.txt").is_file()


def test_it_trains_what_was_asked_for(series: Series) -> None:
    with crew(started) as workers:
        maps = [Path(f"/proc/{pid}/maps").read_text() for pid in workers.idle_workers()]
        assert maps and all("lib_lightgbm" in text for text in maps)  # or each run would first load it, for a second
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
    until(lambda: child not in group(workers.pgid), what="the child gone with its worker")
    until_ended(run, seconds=TWO_HEARTBEATS_AND_START)
    assert_completed_once(run)


@pytest.mark.parametrize("part", ["worker0", "worker1", "sentinel", "monitor", "pusher"])
def test_it_takes_the_next_run_after_an_idle_part_was_killed(workers: Crew, series: Series, part: str) -> None:
    os.kill(workers.parts()[part], signal.SIGKILL)
    run = ask(series)
    until_ended(run, seconds=TWO_HEARTBEATS_AND_START)
    assert_completed_once(run)


def test_it_takes_the_next_run_each_time_an_idle_worker_was_killed(workers: Crew, series: Series) -> None:
    for n in range(times(3, 20)):
        os.kill(until(workers.idle_workers, what="an idle worker")[0], signal.SIGKILL)
        run = ask(series, 2200 + n)
        until(lambda run=run: status_of(run, "attempt"), what="a start")
        until_ended(run)
        assert_completed_once(run)


def test_it_carries_a_run_though_every_waiting_child_was_killed(workers: Crew, series: Series) -> None:
    for child in until(workers.ready_children, what="children that wait"):
        os.kill(child, signal.SIGKILL)
    run = ask(series)
    until_ended(run)
    assert_completed_once(run)
    assert run.attempt == 1, "it is no fault of the run"


def test_it_leaves_no_waiting_child_of_a_killed_worker(workers: Crew) -> None:
    waiting = until(workers.ready_children, what="children that wait")
    for pid in workers.idle_workers():
        os.kill(pid, signal.SIGKILL)
    until(lambda: not set(waiting) & set(group(workers.pgid)), what="the children gone with their workers")


def test_a_drained_host_finishes_what_it_holds_and_takes_nothing_more(workers: Crew, series: Series) -> None:
    held = ask(series)
    child = workers.child_of(held)
    assert hosts.drained_set(hosts.HOST, drain=True)
    waits = ask(series, 2299)
    os.kill(child, signal.SIGCONT)
    until_ended(held)
    assert_completed_once(held)
    beat = until(lambda: WorkerHost.objects.get(drained_at__isnull=False), what="a drained host").beat_at
    until(lambda: WorkerHost.objects.filter(beat_at__gt=beat).exists(), what="a sweep later")
    assert TrainingRun.objects.get(pk=waits.pk).status == Status.QUEUED
    hosts.drained_set(hosts.HOST, drain=False)
    until_ended(waits)
    assert_completed_once(waits)


def test_it_stops_while_it_waits_for_runs(workers: Crew) -> None:
    until(workers.ready_children, what="children that wait")
    assert workers.stop() == 0
    assert group(workers.pgid) == []


def test_it_finishes_what_it_holds_and_claims_nothing_more_once_another_release_is_deployed(
    workers: Crew, series: Series
) -> None:
    held = ask(series)
    child = workers.child_of(held)
    DeployedRelease.objects.update(release="9.9.9+other")
    waits = ask(series, 2299)
    os.kill(child, signal.SIGCONT)
    until_ended(held)
    assert_completed_once(held)
    swept = TrainingRun.objects.filter(pk=waits.pk).values_list("status", flat=True)
    beats = [process.beat_at for process in until(lambda: list(hosts.alive()), what="workers that beat")]
    until(lambda: all(process.beat_at > max(beats) for process in hosts.alive()), what="a sweep later")
    assert swept.get() == Status.QUEUED
    assert hosts.missing() == "All workers are of another release of the code than the database"
    call_command("migrate", verbosity=0)
    assert hosts.missing() is None
    until_ended(waits)
    assert_completed_once(waits)


def test_it_claims_nothing_beside_another_artifact_store_until_it_is_the_right_one_again(
    workers: Crew, series: Series
) -> None:
    storage = artifact_storage()
    ours = storage.marker()
    storage.write_marker("another database's")
    until(
        lambda: hosts.missing() == "The artifact store of all workers can't be reached, or is not this database's",
        what="said",
    )
    run = ask(series)
    beats = [process.beat_at for process in hosts.alive()]
    until(lambda: all(process.beat_at > max(beats) for process in hosts.alive()), what="a sweep later")
    assert status_of(run) == Status.QUEUED
    storage.write_marker(ours)
    until_ended(run)
    assert_completed_once(run)
    assert run.attempt == 1


def test_it_replaces_what_goes_on_beside_its_workers(workers: Crew, series: Series) -> None:
    """Who asks the store, and housekeeping: no run notices."""

    def asides() -> set[int]:
        return set(children(workers.main)) - {workers.parts()["sentinel"]}

    first = until(lambda: len(asides()) == 2 and asides(), what="both")
    gone = make_run(None, status=Status.FAILED, deleted_at=Now() - UNDO)
    run = ask(series)
    child = workers.child_of(run)
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    os.kill(child, signal.SIGCONT)
    until(lambda: len(asides() - first) == 2 and asides().isdisjoint(first), what="others in their place")
    until(lambda: not TrainingRun.objects.filter(pk=gone.pk).exists(), what="the work of the new one")
    until_ended(run)
    assert_completed_once(run)
    assert run.attempt == 1


def test_it_refuses_the_late_end_of_a_frozen_worker(workers: Crew, series: Series) -> None:
    """Worker and child are stopped for twice the lease, and then go on as if nothing had been."""
    run = ask(series)
    child = workers.child_of(run)
    frozen = status_of(run, "worker_pid")
    assert isinstance(frozen, int)
    token = status_of(run, "lease_token")
    os.kill(frozen, signal.SIGSTOP)
    until(lambda: status_of(run, "lease_token") != token, what="the run taken back")
    time.sleep(2 * leases.LEASE_S)
    for pid in (child, frozen):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    until_ended(run, seconds=TWO_HEARTBEATS_AND_START)
    until(lambda: child not in group(workers.pgid), what="the late child gone")
    assert_completed_once(run)
    assert RunEvent.objects.filter(run=run, stage=Status.COMPLETED).count() == 1


def test_it_cancels_at_any_moment(workers: Crew, series: Series) -> None:
    """Accepted means that it ends cancelled, soon, without model and files; too late means that it stays completed."""
    moments = random.Random(1)
    for _ in range(times(8, 200)):
        run = ask(series, moments.randrange(2200, 2300))
        time.sleep(moments.uniform(0.0, 0.6))
        try:
            services.run_cancel(run=run, user=None)
        except TooLate:
            assert_completed_once(run)
            continue
        assert until_ended(run) == ["cancelled"]
        assert not ModelVersion.objects.filter(run=run).exists()
        assert not folder_of(run).exists()


def test_it_loses_no_file_between_writing_and_committing(series: Series) -> None:
    """A run's process is killed at random moments from the first file on; then the run is executed again."""
    moments = random.Random(1)
    runs = [ask(series, 2200 + n) for n in range(times(6, 100))]
    for run in runs:
        for _ in range(2):
            die_while_writing(run, after=moments.uniform(0.0, 0.03))
        if status_of(run) == Status.QUEUED:
            assert runner.claim_and_execute(run.pk)
        assert_completed_once(run)
    found = inventory()
    assert (found.missing, found.changed) == ([], [])
    sweep_orphans()
    ours = {run.run_id for run in runs}
    assert not [path for path in inventory().orphaned if Path(path).name.partition(".")[0] in ours]


def die_while_writing(run: TrainingRun, *, after: float) -> None:
    token = leases.claim(run.pk, host=hosts.HOST, pid=os.getpid())
    if token is None:  # it was done before it was killed
        return
    connections.close_all()
    child = Child.start(lambda: execute(run_pk=run.pk, token=token))
    staging = Path(settings.ARTIFACT_ROOT) / STAGING
    until(lambda: child.wait(0) or list(staging.glob(f"{run.run_id}.*")), what="files", poll_s=CATCH_S)
    time.sleep(after)
    os.kill(child.pid, signal.SIGKILL)
    child.wait(WAIT_S)
    ending = child.outcome()
    child.kill()
    runner.conclude(runner.Held(run.pk, run.run_id, run.kind, token, 1), ending)


def test_it_leaves_no_orphan_when_its_main_process_is_killed(workers: Crew, series: Series) -> None:
    run = ask(series)
    workers.child_of(run)
    os.kill(workers.main, signal.SIGKILL)
    workers.process.wait()
    until(lambda: not group(workers.pgid), what="no orphan")
    with crew():
        until_ended(run, seconds=TWO_HEARTBEATS_AND_START)
    assert_completed_once(run)


@pytest.mark.parametrize("to_group", [False, True])
def test_it_gives_runs_back_when_told_to_stop(workers: Crew, series: Series, to_group: bool) -> None:
    run = ask(series)
    workers.child_of(run)
    if to_group:
        os.killpg(workers.pgid, signal.SIGTERM)
    else:
        workers.process.terminate()
    assert workers.process.wait(WAIT_S) == 0
    assert group(workers.pgid) == []
    assert status_of(run) == Status.QUEUED
    if not to_group:  # told all at once, a child may die before its worker knows that it is to stop
        assert status_of(run, "attempt") == 0
    assert not hosts.alive().exists()


def test_it_cancels_a_running_run_though_its_process_hangs(workers: Crew, series: Series) -> None:
    run = ask(series)
    child = workers.child_of(run)
    services.run_cancel(run=run, user=None)
    assert until_ended(run) == ["cancelled"]
    until(lambda: child not in group(workers.pgid), what="the child gone")
    assert not ModelVersion.objects.exists()
    assert not folder_of(run).exists()


def test_it_makes_one_result_of_ten_deliveries(workers: Crew, series: Series) -> None:
    runs = [ask(series, 2200 + n) for n in range(times(5, 100))]
    for _ in runs * 10:
        async_task("training.worker.runner.execute_run", save=False)
    until_ended(*runs)
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
    assert not runner.claim_and_execute(run.pk)


def test_it_finds_runs_that_lost_their_kick(workers: Crew, series: Series) -> None:
    run = services.run_create(user=None, spec=spec())
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
