"""A host's clock is set an hour forward and back while workers work: nothing is done twice, and nothing gets stuck."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import time, timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from boursomatic.env import ROOT
from predictions.models import Schedule
from tests.faults.crew import Crew, crew, environment, status_of, until, until_ended
from tests.market import candle, make_series
from training.models import ModelVersion, RunEvent, Status, TrainingRun
from training.quant.candle.spec import CandleSpec
from training.queue import hosts, leases
from training.runs import services

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]
HOUR = timedelta(hours=1)


class HostClock:
    """The time of day as the processes of `environment` see it; libfaketime looks into a file at each call."""

    def __init__(self, folder: Path) -> None:
        (library,) = Path("/usr/lib").glob("*/faketime/libfaketime.so.1")  # scripts/setup.py installs it for tests
        self._file = folder / "clock"
        self.set(timedelta(0))
        self.environment = {"LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(self._file),
                            "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                            "PYTHONPATH": str(Path(__file__).with_name("faketime"))}  # fmt: skip

    def set(self, ahead: timedelta) -> None:
        """So much ahead of the truth; moved into place, since it may be read at any moment."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead.total_seconds():+.0f}")
        new.rename(self._file)


@pytest.fixture
def clock(tmp_path: Path) -> HostClock:
    return HostClock(tmp_path)


@pytest.fixture
def workers(clock: HostClock) -> Iterator[Crew]:
    def start() -> subprocess.Popen[bytes]:
        env = environment() | clock.environment
        return subprocess.Popen([sys.executable, "manage.py", "worker"], cwd=ROOT, env=env, start_new_session=True)

    with crew(start) as made:
        yield made


def ask(position: int) -> TrainingRun:
    """Of some seconds: the original recipe looks at 150 rounds in vain before it stops."""
    fields = {"symbol": "SPY", "train_years": 8.0, "protocol": "poc", "feature_set": "poc16", "learning_rate": 0.01}
    return services.run_create(user=None, spec=CandleSpec(candle=candle(position), **fields))


def housekeeping_passes() -> None:
    """What is due has been begun: a further schedule, which is due by any clock, has."""
    now = timezone.now() - timedelta(days=2)
    marker = Schedule.objects.create(job="drift", universe=f"u{Schedule.objects.count()}", time_of_day=time(1),
                                     every_days=9, next_run_at=now)  # fmt: skip
    until(lambda: Schedule.objects.filter(pk=marker.pk).exclude(run_id=""), what="the schedules looked at")


def test_a_run_under_way_is_neither_taken_from_its_worker_nor_stuck(workers: Crew, clock: HostClock) -> None:
    make_series(bars=2400)
    runs = [ask(2300 - n) for n in range(5)]
    for run, ahead in zip(runs, (HOUR, -HOUR, timedelta(0), -HOUR, HOUR), strict=True):
        until(lambda run=run: status_of(run) != Status.QUEUED, what="a start")
        clock.set(ahead)
    until_ended(*runs)
    for run in runs:
        run.refresh_from_db()
        assert (run.status, run.attempt, run.error) == (Status.COMPLETED, 1, "")
        assert RunEvent.objects.filter(run=run, stage=Status.COMPLETED).count() == 1
    assert ModelVersion.objects.count() == len(runs)


def test_a_run_whose_worker_died_before_the_clock_was_set_back_is_taken_back(workers: Crew, clock: HostClock) -> None:
    make_series(bars=2400)
    clock.set(HOUR)
    run = ask(2300)
    workers.child_of(run)
    workers.destroy()
    clock.set(-HOUR)
    until(lambda: leases.reclaim_expired() == [run.pk], what="the run taken back")
    until(lambda: not hosts.alive().exists(), what="its workers no longer there")


def test_a_schedule_is_carried_out_once_however_the_clock_is_set(workers: Crew, clock: HostClock) -> None:
    """By PostgreSQL's clock a host an hour ahead begins nothing too early; on SQLite its own is the only one."""
    due = timezone.now().replace(microsecond=0) + HOUR / 2
    schedule = Schedule.objects.create(job="score", universe="few", time_of_day=due.time(), next_run_at=due)
    clock.set(HOUR)
    housekeeping_passes()
    schedule.refresh_from_db()
    is_early = connection.vendor == "sqlite"
    assert (bool(schedule.run_id), schedule.next_run_at - due) == (is_early, timedelta(days=is_early))
    first = schedule.run_id
    for ahead in (-HOUR, timedelta(0)):
        clock.set(ahead)
        housekeeping_passes()
        schedule.refresh_from_db()
        assert schedule.run_id == first
    Schedule.objects.filter(pk=schedule.pk).update(next_run_at=due - timedelta(days=1))
    housekeeping_passes()
    schedule.refresh_from_db()
    assert schedule.run_id not in ("", first) and schedule.next_run_at == due
