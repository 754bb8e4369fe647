"""Which hosts and processes are there to carry runs: their rows, beaten by the worker command on the clock that all
share."""

import os
from collections.abc import Collection

from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now

from training.models import Status, TrainingRun, WorkerHost, WorkerProcess
from training.queue import clock, hosts, release
from training.queue.hosts import HOST
from training.worker.limits import whole_memory

FORGET_S = 600.0
FORGET_DRAINED_S = 30 * 86_400.0


def beat(pids: Collection[int], *, has_store: bool = True) -> None:
    """These processes of this host live, and so does the host. What no longer beats is forgotten after a while, a host
    that somebody drained after a month."""
    hosts.host_mark(cores=len(os.sched_getaffinity(0)), memory=whole_memory())
    ours = {"host": HOST, "release": release.ours(), "has_store": has_store}
    rows = [WorkerProcess(**ours, pid=pid, started_at=Now(), beat_at=clock.Clock()) for pid in pids]
    WorkerProcess.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["host", "pid"], update_fields=["beat_at", "release", "has_store"]
    )
    carried = TrainingRun.objects.filter(
        status=Status.RUNNING, worker_host=OuterRef("host"), worker_pid=OuterRef("pid")
    ).order_by("-pk")
    WorkerProcess.objects.filter(host=HOST, pid__in=pids).update(run=Subquery(carried.values("pk")[:1]))
    WorkerProcess.objects.filter(clock.stale("beat_at", FORGET_S)).delete()
    WorkerHost.objects.filter(clock.stale("beat_at", FORGET_S), drained_at=None).delete()
    WorkerHost.objects.filter(clock.stale("beat_at", FORGET_DRAINED_S)).delete()


def leave(pids: Collection[int]) -> None:
    """These processes have ended."""
    WorkerProcess.objects.filter(host=HOST, pid__in=pids).delete()
