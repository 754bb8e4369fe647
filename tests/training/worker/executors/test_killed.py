"""Worker commands whose chunks go to a Dask cluster, parts of which die."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from boursomatic.env import ROOT
from tests.dask_cluster import DaskCluster
from tests.faults.crew import Crew, crew, environment, until, until_ended
from tests.market import candle, make_series
from tests.training.recipes.test_sweep import contents
from tests.training.recipes.test_walk_forward import carry_next
from training.models import Status, SweepCell, TrainingRun
from training.recipes.sweep.data import sweep_spec
from training.runs.services import run_cancel, run_create

pytestmark = [
    pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes, pytest.mark.slow
]  # fmt: skip
CELLS = 240
BODY = {
    "candles": [candle(300 + number) for number in range(CELLS // 2)], "train_years": [0.5, 1.0],
    "test_window_size": 20, "protocol": "poc",
}  # fmt: skip


COMMAND = [sys.executable, "manage.py", "worker"]


@contextlib.contextmanager
def workers(cluster: DaskCluster) -> Iterator[Crew]:
    here = environment() | cluster.settings
    with crew(lambda: subprocess.Popen(COMMAND, cwd=ROOT, env=here, start_new_session=True)) as made:
        yield made


def asked() -> TrainingRun:
    return run_create(user=None, spec=sweep_spec(BODY, default_symbol="SPY"))


def test_each_cell_is_there_once_whatever_dies(dask_cluster: DaskCluster) -> None:
    make_series(bars=600)
    with workers(dask_cluster):
        sweep = asked()
        assert sweep.parts.count() == 4
        until(lambda: SweepCell.objects.exists() and dask_cluster.tasks(), what="cells, and more under way")
        dask_cluster.kill("scheduler")
        waiting = TrainingRun.objects.filter(parent=sweep, message__contains="is away")
        until(waiting.exists, what="a chunk that waits for the cluster")
        dask_cluster.start_scheduler()
        dask_cluster.start_workers()
        until(dask_cluster.tasks, what="a chunk at work again")
        dask_cluster.kill("worker0")  # what it was at is given to the other one
        assert until_ended(sweep) == [Status.COMPLETED]
        dask_cluster.start_workers()
    assert list(sweep.cells.order_by("number").values_list("number", flat=True)) == list(range(CELLS))
    assert set(sweep.parts.values_list("status", flat=True)) == {Status.COMPLETED}
    sweep.refresh_from_db()
    alone = asked()
    while carry_next():
        pass
    alone.refresh_from_db()
    assert contents(alone) == contents(sweep) and alone.result == sweep.result


def test_a_cancel_takes_what_is_on_the_cluster_along(dask_cluster: DaskCluster) -> None:
    make_series(bars=600)
    with workers(dask_cluster):
        sweep = asked()
        until(dask_cluster.tasks, what="a chunk on the cluster")
        run_cancel(run=sweep, user=None)
        assert until_ended(sweep) == [Status.CANCELLED]
        until(lambda: dask_cluster.tasks() == [], what="a cluster that has forgotten it")


def test_worker_commands_start_while_the_cluster_is_away_and_say_so(dask_cluster: DaskCluster) -> None:
    there = environment() | dask_cluster.settings | {"BOURSOMATIC_DASK": "tls://127.0.0.1:1"}
    command = subprocess.Popen(COMMAND, cwd=ROOT, env=there, start_new_session=True, stderr=subprocess.PIPE)
    with crew(lambda: command):
        assert command.stderr and "is away" in until(command.stderr.readline).decode()


def test_a_cluster_that_is_set_wrongly_stops_the_start(dask_cluster: DaskCluster) -> None:
    there = environment() | dask_cluster.settings | {"BOURSOMATIC_DASK": "tcp://127.0.0.1:1"}
    ended = subprocess.run(COMMAND, cwd=ROOT, env=there, capture_output=True, text=True, check=False)
    assert ended.returncode == 1 and "BOURSOMATIC_DASK is not tls://HOST:PORT. Set it to" in ended.stderr
