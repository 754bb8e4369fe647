"""How many of the host's cores a run may use: those that no other run holds."""

import os

from training.models import Status, TrainingRun
from training.queue.hosts import HOST


def free_cores(pid: int) -> int:
    """Cores of this host less the processes that carry other runs than `pid` does, a core each; one at least. `pid` is
    that of the worker or command whose child asks."""
    others = TrainingRun.objects.filter(status=Status.RUNNING, worker_host=HOST).exclude(worker_pid=pid)
    return max(1, len(os.sched_getaffinity(0)) - others.values("worker_pid").distinct().count())
