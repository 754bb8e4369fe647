"""The process that trains: forked for one run, limited in memory, gone with its parent.

It may be forked beforehand, and then waits to be told its job: so no click waits for a fork. What it shares with its
parent is copied page by page when it is first written to, a quarter of a candle run's time: a child that nobody needs
at once has them copied by a rehearsal.
"""

import contextlib
import faulthandler
import gc
import os
import pickle
import resource
import select
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NoReturn

from django.db import connections

from boursomatic.shared.processes import die_with_parent
from training.recipes.base import MEMORY
from training.worker.outcome import OutcomeKind, RunOutcome

_PIPE_CHUNK = 65_536
_QUIET_S = 0.1  # after which nothing seems to wait for a ready child
Job = Callable[[], None]


class Child:
    """A parent's handle on its child."""

    def __init__(self, pid: int, report_fd: int, orders_fd: int | None = None) -> None:
        self.pid = pid
        self._report, self._orders = report_fd, orders_fd
        self._pidfd = os.pidfd_open(pid)
        self._poll = select.poll()
        self._poll.register(self._pidfd, select.POLLIN)
        self._poll.register(self._report, select.POLLIN)
        self._message = b""  # what was read of the child's report
        self._status: int | None = None

    @classmethod
    def start(cls, job: Job, *, memory: int = MEMORY) -> "Child":
        """Forks a process for `job` that may take `memory` bytes above its size now; the caller has closed its database
        connections."""
        return cls(*_fork(lambda: (job, memory)))

    @classmethod
    def ready(cls, rehearsal: Job) -> "Child":
        """Forks a process that waits for `begin`, likewise, and does `rehearsal` meanwhile."""
        reading, writing = os.pipe()
        try:
            return cls(*_fork(partial(_receive, reading, writing, rehearsal)), writing)
        except OSError:
            os.close(writing)
            raise
        finally:
            os.close(reading)

    def begin(self, job: Job, *, memory: int) -> None:
        """Gives a ready child its job, which can be pickled. One that has died meanwhile is seen by its end."""
        assert self._orders is not None
        orders, self._orders = self._orders, None
        with contextlib.suppress(BrokenPipeError), os.fdopen(orders, "wb") as pipe:
            pickle.dump((job, memory), pipe)

    def wait(self, seconds: float) -> bool:
        """True when the child has ended. Reads its report meanwhile: a full pipe would keep the child from ending."""
        deadline = time.monotonic() + seconds
        while ready := {number for number, _ in self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000)}:
            if self._report in ready:
                self._read()
            if self._pidfd in ready:
                return True
        return False

    def is_stopped(self) -> bool:
        """Frozen by SIGSTOP or a debugger."""
        with contextlib.suppress(OSError):
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
        return False

    def kill(self) -> None:
        """Ends and reaps it; harmless when it has ended."""
        if self._status is None:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):  # somebody else has reaped it
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
                self._reap()
        for number in (self._pidfd, self._report, self._orders):
            if number is not None:
                os.close(number)

    def outcome(self) -> RunOutcome:
        """Of a child that has ended by itself."""
        self._reap()
        assert self._status is not None
        while self._read():
            pass
        if os.WIFSIGNALED(self._status):
            return RunOutcome.of_signal(os.WTERMSIG(self._status), self._message.decode(errors="replace"))
        return RunOutcome.from_bytes(self._message) if self._message else RunOutcome(OutcomeKind.DONE)

    def _read(self) -> bool:
        """One chunk of the report; False at its end, which is not waited for again."""
        chunk = os.read(self._report, _PIPE_CHUNK)
        self._message += chunk
        if not chunk:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._report)
        return bool(chunk)

    def _reap(self) -> None:
        self._status = os.waitpid(self.pid, 0)[1]


def _fork(learn: Callable[[], tuple[Job, int]]) -> tuple[int, int]:
    """Process id and report of a child that does the job it learns."""
    parent = os.getpid()
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:  # no room for another process; who calls tries again, and again
        os.close(reading)
        os.close(writing)
        raise
    if pid == 0:
        _live(learn, parent, writing)
    os.close(writing)
    return pid, reading


def _receive(orders_fd: int, others_fd: int, rehearsal: Job) -> tuple[Job, int]:
    """Waits for `begin`. Raises EOFError where the parent has no job any more."""
    os.close(others_fd)  # or the end of the orders would never be seen
    if not select.select([orders_fd], [], [], _QUIET_S)[0]:
        rehearsal()
    with os.fdopen(orders_fd, "rb") as pipe:
        job, memory = pickle.load(pipe)
    return job, memory


def _live(learn: Callable[[], tuple[Job, int]], parent: int, report_fd: int) -> NoReturn:
    """The child's life. Whatever happens it ends here, without its parent's exit handlers."""
    try:
        gc.freeze()  # what the parent loaded is never garbage: collecting it would only copy pages
        _reset_signals()
        die_with_parent(parent)
        faulthandler.enable(report_fd)  # what native code was doing when it crashed: for the parent's log
        job, memory = learn()
        limit = _limit_memory(memory)
        try:
            job()
        except BaseException as problem:
            resource.setrlimit(resource.RLIMIT_AS, limit)  # telling takes memory too
            os.write(report_fd, RunOutcome.of_exception(problem).to_bytes())
        connections.close_all()
    finally:
        os._exit(0)


def _reset_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the worker command decides
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def _limit_memory(memory: int) -> tuple[int, int]:
    """Size now plus the budget; the limits before."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + memory, before[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    return before
