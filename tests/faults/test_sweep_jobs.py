"""`sweep --jobs 2` as a person starts it: its processes, their deaths, Ctrl-C and its own death."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db.models import Count

from boursomatic.env import ROOT
from tests.faults.crew import WAIT_S, children, crew, environment, group, is_limited, until, until_ended
from tests.market import candle, make_series
from training.models import ACTIVE, Status, SweepCell, TrainingRun, Trial

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]
CELLS = 2 * 250
ARGUMENTS = ("--symbol", "SPY", "--from", candle(300), "--to", candle(549), "--every", "1",
             "--train_years", "0.5", "1", "--test_window_size", "20", "--protocol", "steady", "--json")  # fmt: skip


@contextmanager
def sweeping() -> Iterator[subprocess.Popen[bytes]]:
    """The command, once both of its processes work, in a process group of its own, as a shell gives it."""
    command = [sys.executable, "manage.py", "sweep", *ARGUMENTS, "--jobs", "2"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        until(lambda: len(working(process)) == 2, what="two processes that train")
        yield process
    finally:
        for pid in group(process.pid):
            os.kill(pid, signal.SIGKILL)
        process.communicate()


def working(process: subprocess.Popen[bytes]) -> list[int]:
    return [pid for pid in children(process.pid) if is_limited(pid)]


def contents(sweep: TrainingRun) -> list[bytes]:
    return [bytes(content) for content in sweep.cells.order_by("number").values_list("content", flat=True)]


def newest_sweep() -> TrainingRun:
    return TrainingRun.objects.filter(kind="sweep").latest("pk")


def test_two_processes_make_the_cells_of_one_to_the_last_bit() -> None:
    make_series(bars=600)
    with sweeping() as process:
        until(SweepCell.objects.exists, what="cells")
        os.kill(working(process)[0], signal.SIGKILL)  # its part goes back to the queue, and the command takes it again
        assert process.wait(WAIT_S) == 0, process.stderr and process.stderr.read()
    together = newest_sweep()
    assert together.status == Status.COMPLETED and len(contents(together)) == CELLS
    assert together.parts.filter(attempt=2, status=Status.COMPLETED).count() == 1
    call_command("sweep", *ARGUMENTS, stdout=io.StringIO())
    alone = newest_sweep()
    assert alone != together and contents(alone) == contents(together)
    assert alone.result == together.result and Trial.objects.count() == 1


def test_ctrl_c_cancels_the_family() -> None:
    make_series(bars=600)
    with sweeping() as process:
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(WAIT_S) == 1
        assert process.stderr and b"Cancelled" in process.stderr.read()
        until(lambda: not group(process.pid), what="no process left")
    assert not TrainingRun.objects.exclude(status=Status.CANCELLED).exists()


def test_workers_finish_what_a_killed_command_leaves() -> None:
    make_series(bars=600)
    with sweeping() as process:
        pids = working(process)
        process.kill()
        until(lambda: not set(pids) & set(group(process.pid)), what="its processes gone with it")
    assert TrainingRun.objects.filter(status__in=ACTIVE).count() == 3
    with crew():
        assert until_ended(newest_sweep()) == [Status.COMPLETED]
    assert len(contents(newest_sweep())) == CELLS
    twice = SweepCell.objects.values("number").annotate(n=Count("pk")).filter(n__gt=1)
    assert not twice.exists()
