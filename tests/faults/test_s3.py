"""Two worker commands with homes of their own and no shared folder: whatever is killed, each run's files are whole on
S3, once, and after the sweep nothing else is there."""

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boursomatic.env import ROOT
from tests.faults.crew import CATCH_S, Crew, children, crew, environment, until, until_ended
from tests.faults.scale import times
from tests.market import candle, make_series
from tests.s3 import Bucket
from training.artifacts.integrity import inventory
from training.models import ModelVersion, Status, TrainingRun
from training.quant.candle.request import parse_candle_spec
from training.runs.services import run_create
from training.worker.housekeeping import sweep_orphans

pytestmark = [
    pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes, pytest.mark.slow
]  # fmt: skip
BODY = {"symbol": "SPY", "train_years": 1.5, "confirm": False}


@contextlib.contextmanager
def host(home: Path, bucket: Bucket) -> Iterator[Crew]:
    here = {**environment(), "BOURSOMATIC_HOME": str(home), "BOURSOMATIC_ARTIFACTS": bucket.address}
    command = [sys.executable, "manage.py", "worker"]
    with crew(lambda: subprocess.Popen(command, cwd=ROOT, env=here, start_new_session=True)) as made:
        yield made


def test_nothing_is_lost_doubled_or_torn_whatever_is_killed(s3_settings: Bucket, tmp_path: Path) -> None:
    make_series(bars=700)
    moments = random.Random(17)
    with host(tmp_path / "a", s3_settings), host(tmp_path / "b", s3_settings):
        runs = [
            run_create(user=None, spec=parse_candle_spec({**BODY, "candle_date": candle(450 + number)}))
            for number in range(times(6, 150))
        ]
        killed = sum(kill_one(moments) for _ in range(times(4, 200)))
        statuses = until_ended(*runs)
    assert killed >= times(1, 100), "runs were over before they were hit"
    assert statuses.count(Status.COMPLETED) + statuses.count(Status.FAILED) == len(runs)
    assert not TrainingRun.objects.filter(status=Status.FAILED).exclude(error_reason="lost_worker").exists()
    models = ModelVersion.objects.all()
    assert models.count() == statuses.count(Status.COMPLETED) > 0
    sweep_orphans()
    files = {f"models/{model.folder}/{name}" for model in models for name in model.files}
    found = inventory()
    assert set(s3_settings.keys()) == files and (found.missing, found.changed, found.orphaned) == ([], [], [])


def kill_one(moments: random.Random) -> int:
    """How many processes it was: that of a run, somewhere between its start and its end; 0 where that has ended."""
    running = TrainingRun.objects.filter(status=Status.RUNNING)
    waiting = TrainingRun.objects.filter(status=Status.QUEUED)
    until(lambda: running.exists() or not waiting.exists(), what="a run at work", poll_s=CATCH_S)
    worker = running.values_list("worker_pid", flat=True).first()
    if worker is None:
        return 0
    until(lambda: not running.filter(worker_pid=worker).exists() or moments.random() < 0.05, poll_s=CATCH_S)
    killed = children(worker)
    for child in killed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    return len(killed)
