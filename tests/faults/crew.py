"""Real worker processes over the tests' database, and ways to find and hurt them."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing import forkserver, get_context
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from boursomatic.env import ROOT
from tests.faults import nursery
from training.models import TrainingRun
from training.queue import hosts

T = TypeVar("T")
WAIT_S = 300.0  # an end of waiting, not a measure: what comes early costs nothing, and a busy machine takes its time
POLL_S = 0.02  # each look is a query
CATCH_S = 0.002  # looks for what is soon over


def until(condition: Callable[[], T | None], seconds: float = WAIT_S, what: str = "", poll_s: float = POLL_S) -> T:
    """The first true value of `condition`, or a failure after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what or condition}"
        time.sleep(poll_s)
    return value


def environment() -> dict[str, str]:
    """What a process needs to work on the database of the tests."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{config['NAME']}"
    else:
        url = f"postgres://{config['USER']}@{quote(config['HOST'], safe='')}/{config['NAME']}"
    return {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "boursomatic.settings"}


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def group(pgid: int) -> list[int]:
    """The living processes of a group."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, itsgroup = path.read_text().rpartition(")")[2].split()[:3]
            if int(itsgroup) == pgid and state != "Z":
                found.append(int(path.parent.name))
    return found


def is_limited(pid: int) -> bool:
    """Its memory is: the last step before it trains."""
    with contextlib.suppress(OSError):
        return not re.search(r"Max address space +unlimited", Path(f"/proc/{pid}/limits").read_text())
    return False


class Forked:
    """A worker command forked from a process that has everything imported already, with the part of Popen's interface
    that is used here."""

    def __init__(self) -> None:
        with _variables(environment()):  # the fork server keeps those of its start, and so does all that it forks
            forkserver.set_forkserver_preload([nursery.__name__])
            forkserver.ensure_running()
        self._process = get_context("forkserver").Process(target=nursery.work)
        self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, seconds: float | None = None) -> int:
        self._process.join(seconds)
        assert self._process.exitcode is not None, f"not ended within {seconds} s"
        return self._process.exitcode


@contextlib.contextmanager
def _variables(values: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def started() -> subprocess.Popen[bytes]:
    """A worker command as a person starts it."""
    return subprocess.Popen(
        [sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment(), start_new_session=True
    )


Start = Callable[[], Forked | subprocess.Popen[bytes]]


class Crew:
    """One worker command. Its processes are told apart by who forked them and in which order."""

    def __init__(self, start: Start) -> None:
        self.process = start()
        self.pgid = self.process.pid

    @property
    def main(self) -> int:
        return self.process.pid

    def parts(self) -> dict[str, int]:
        """Once all are there. django-q2 starts its workers first, then the monitor, then the pusher."""
        sentinel, pids = until(self._whole_group, what="the whole group")
        named = {"main": self.main, "sentinel": sentinel, "monitor": pids[-2], "pusher": pids[-1]}
        return {**named, **{f"worker{n}": pid for n, pid in enumerate(pids[:-2])}}

    def _whole_group(self) -> tuple[int, list[int]] | None:
        for child in children(self.main):  # while it starts, libraries fork helpers of their own
            pids = sorted(children(child))
            if len(pids) == settings.WORKERS + 3:  # with the worker that takes clicks only, monitor and pusher
                return child, pids
        return None

    def idle_workers(self) -> list[int]:
        """Workers whose child has nothing to do, as the database knows them."""
        known = hosts.alive().filter(host=hosts.HOST).values_list("pid", flat=True)
        return [pid for pid in known if pid in group(self.pgid) and not any(map(is_limited, children(pid)))]

    def ready_children(self) -> list[int]:
        """Those that wait for a run, once each idle worker has one."""
        waiting = [child for pid in self.idle_workers() for child in children(pid)]
        return waiting if len(waiting) == len(self.idle_workers()) else []

    def wait_ready(self) -> None:
        until(hosts.alive().exists, what="a worker's beat")
        self.parts()

    def child_of(self, run: TrainingRun) -> int:
        """The process that trains this run, stopped in the middle of it."""
        worker = until(lambda: status_of(run, "worker_pid"), what="a claim", poll_s=CATCH_S)
        child = until(lambda: children(worker), what="a child", poll_s=CATCH_S)[0]
        until(lambda: is_limited(child), what="a child that has set itself up", poll_s=CATCH_S)
        os.kill(child, signal.SIGSTOP)
        return child

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(WAIT_S)

    def destroy(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pgid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def crew(start: Start = Forked) -> Iterator[Crew]:
    made = Crew(start)
    try:
        made.wait_ready()
        yield made
    finally:
        made.destroy()


def status_of(run: TrainingRun, field: str = "status") -> object:
    return TrainingRun.objects.values_list(field, flat=True).get(pk=run.pk)


def until_ended(*runs: TrainingRun, seconds: float = WAIT_S) -> list[str]:
    pks = [run.pk for run in runs]
    ended = TrainingRun.objects.filter(pk__in=pks, finished_at__isnull=False)
    until(lambda: ended.count() == len(pks), seconds, "all runs ended")
    return list(ended.order_by("pk").values_list("status", flat=True))
