"""`train --jobs 2` as a person starts it: its processes, their deaths, Ctrl-C; the same as one after another."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.management import call_command

from boursomatic.env import ROOT
from tests.faults.crew import WAIT_S, children, environment, group, is_limited, until
from tests.training.universe import make_universe
from training.models import ACTIVE, Status, TrainingRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]
ARGUMENTS = ("--universe", "few", "--horizon", "5", "--json")


@contextmanager
def training(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process group of its own, as a shell gives it."""
    command = [sys.executable, "manage.py", "train", *ARGUMENTS, *arguments, "--jobs", "2"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        for pid in group(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


def working(process: subprocess.Popen[bytes]) -> list[int]:
    return [pid for pid in children(process.pid) if is_limited(pid)]


def own(answer: dict[str, Any]) -> dict[str, Any]:
    """What two runs of the same settings have in common."""
    return {name: answer[name] for name in ("model_hash", "judged_model_hash", "data_hash", "beside", "auc_buy")}


def results() -> list[list[Any]]:
    """Of the folds of each run, oldest first."""
    walks = TrainingRun.objects.filter(kind="walk_confirmation").order_by("pk")
    return [[fold.result for fold in walk.parts.order_by("pk")] + [walk.result["rank_test"]] for walk in walks]


def test_two_processes_make_what_one_makes_whatever_is_killed() -> None:
    make_universe()
    with training() as process:
        until(lambda: TrainingRun.objects.filter(kind="fold", status=Status.RUNNING).exists(), what="folds")
        until(lambda: bool(working(process)), what="a process that trains")
        os.kill(working(process)[0], signal.SIGKILL)  # its run is back in the queue, and the command takes it again
        out, err = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0, err
    call_command("train", *ARGUMENTS, "--jobs", "1", stdout=(alone := io.StringIO()))
    together, alone_ = json.loads(out), json.loads(alone.getvalue())
    assert own(together) == own(alone_) and together["verdict"]["confirmed"]
    first, second = results()
    assert first == second and len(first) > 3
    assert not TrainingRun.objects.exclude(status=Status.COMPLETED).exists()


def test_ctrl_c_cancels_what_is_left() -> None:
    make_universe()
    with training() as process:
        until(lambda: TrainingRun.objects.filter(kind="fold", status__in=ACTIVE).exists(), what="folds")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(WAIT_S) in {0, 1}
        until(lambda: not group(process.pid), what="no process left")
    assert not TrainingRun.objects.filter(status__in=ACTIVE).exists()
    assert TrainingRun.objects.get(kind="universe").status == Status.COMPLETED
    assert TrainingRun.objects.filter(kind="fold", status=Status.CANCELLED).exists()


def test_too_little_data_is_told_in_a_sentence() -> None:
    make_universe(bars=150)
    with training() as process:
        out, err = process.communicate(timeout=WAIT_S)
        assert process.returncode == 1 and b"Too little data" in err + out
    assert TrainingRun.objects.get().status == Status.FAILED
