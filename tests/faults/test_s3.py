"""Two worker commands with homes of their own and no shared folder: whatever is killed, each run's files are whole on
S3, once, and after the sweep nothing else is there."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boursomatic.env import ROOT
from tests.faults.crew import CATCH_S, Crew, children, crew, environment, status_of, until, until_ended
from tests.faults.scale import times
from tests.market import candle, make_series
from tests.s3 import Bucket, Proxy
from training.artifacts.integrity import inventory
from training.models import ACTIVE, ModelVersion, Status, TrainingRun, WorkerHost
from training.quant.candle.request import parse_candle_spec
from training.queue import hosts
from training.runs.services import run_create
from training.worker.housekeeping import sweep_orphans

pytestmark = [
    pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes, pytest.mark.slow
]  # fmt: skip
BODY = {"symbol": "SPY", "train_years": 1.5, "confirm": False}


@contextlib.contextmanager
def host(home: Path, address: str) -> Iterator[Crew]:
    here = {**environment(), "BOURSOMATIC_HOME": str(home), "BOURSOMATIC_HOST_NAME": home.name}
    here["BOURSOMATIC_ARTIFACTS"] = address
    command = [sys.executable, "manage.py", "worker"]
    with crew(lambda: subprocess.Popen(command, cwd=ROOT, env=here, start_new_session=True)) as made:
        yield made


def test_nothing_is_lost_doubled_or_torn_whatever_is_killed(s3_settings: Bucket, tmp_path: Path, settings: Any) -> None:
    settings.MAX_QUEUED = 1000
    make_series(bars=800)
    moments = random.Random(17)
    address = s3_settings.address
    with host(tmp_path / "a", address), host(tmp_path / "b", address):
        runs = [
            run_create(user=None, spec=parse_candle_spec({**BODY, "candle_date": candle(450 + number)}))
            for number in range(times(6, 240))
        ]
        killed, wanted = 0, times(4, 200)
        while killed < wanted and TrainingRun.objects.filter(status__in=ACTIVE).exists():
            killed += kill_one(moments)
        statuses = until_ended(*runs)
    assert killed >= times(1, 200), "runs were over before they were hit"
    assert statuses.count(Status.COMPLETED) + statuses.count(Status.FAILED) == len(runs)
    assert not TrainingRun.objects.filter(status=Status.FAILED).exclude(error_reason="lost_worker").exists()
    models = ModelVersion.objects.all()
    assert models.count() == statuses.count(Status.COMPLETED) > 0
    sweep_orphans()
    files = {f"models/{model.folder}/{name}" for model in models for name in model.files}
    found = inventory()
    assert set(s3_settings.keys()) == files and (found.missing, found.changed, found.orphaned) == ([], [], [])


@pytest.mark.parametrize("mode", ["cut", "503 SlowDown", "403 InvalidAccessKeyId"])
def test_a_store_that_is_away_costs_no_run(s3_settings: Bucket, proxy: Proxy, tmp_path: Path, mode: str) -> None:
    """For a minute with FAULTS=full. Its user is told what it waits for."""
    make_series(bars=700)
    specs = [parse_candle_spec({**BODY, "candle_date": candle(450 + number)}) for number in range(2)]
    with host(tmp_path / "a", s3_settings.through(proxy.port)) as workers:
        run = run_create(user=None, spec=specs[0])
        child = workers.child_of(run)
        proxy.set(mode)
        back_at = time.monotonic() + times(0, 60)
        os.kill(child, signal.SIGCONT)
        until(lambda: "artifact store" in str(status_of(run, "message")), what="what it waits for")
        until(lambda: "can't be reached" in (hosts.missing() or ""), what="what others wait for")
        waits = run_create(user=None, spec=specs[1])
        until(lambda: time.monotonic() >= back_at, what="the end of the outage")
        assert {status_of(run), status_of(waits)} <= set(ACTIVE) and s3_settings.keys() == []
        proxy.set("pass")
        assert until_ended(run, waits) == [Status.COMPLETED] * 2
    assert [status_of(each, "attempt") for each in (run, waits)] == [1, 1]
    assert inventory().missing == [] and sweep_orphans() == 0


def test_workers_beat_however_long_their_store_takes_to_answer(
    s3_settings: Bucket, proxy: Proxy, tmp_path: Path
) -> None:
    """It takes every question and answers none. A beat that waited would come once for all that is asked meanwhile."""
    make_series(bars=700)
    with host(tmp_path / "a", s3_settings.through(proxy.port)):
        proxy.set("silent")
        beats: dict[int, set[object]] = {}  # by the requests that were left without an answer until then

        def beat() -> int:
            left = beats.setdefault(proxy.refused(), set())
            left.add(WorkerHost.objects.values_list("beat_at", flat=True).get())
            return len(left)

        until(lambda: proxy.refused() and beat() > 2, what="beats while the store is asked")
        until(lambda: "can't be reached" in (hosts.missing() or ""), what="what people read")
        until(lambda: beat() > 2, what="beats while the store is known to be away")
        run = run_create(user=None, spec=parse_candle_spec({**BODY, "candle_date": candle(450)}))
        asked = proxy.refused()
        until(lambda: proxy.refused() > asked + 2, what="further questions")
        assert status_of(run) == Status.QUEUED and hosts.alive().exists()
        proxy.set("pass")
        assert until_ended(run) == [Status.COMPLETED]
    assert status_of(run, "attempt") == 1


def kill_one(moments: random.Random) -> int:
    """How many processes it was: that of a run, at times its worker's, somewhere between its start and its end; 0 where
    that has ended."""
    running = TrainingRun.objects.filter(status=Status.RUNNING)
    waiting = TrainingRun.objects.filter(status=Status.QUEUED)
    until(lambda: running.exists() or not waiting.exists(), what="a run at work", poll_s=CATCH_S)
    worker = running.values_list("worker_pid", flat=True).first()
    if worker is None:
        return 0
    until(lambda: not running.filter(worker_pid=worker).exists() or moments.random() < 0.05, poll_s=CATCH_S)
    killed = 0
    for victim in children(worker) if moments.random() < 0.8 else [worker]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            killed += 1
    return killed
