"""The process that trains: forked for one run, limited in memory, gone with its parent."""

import contextlib
import faulthandler
import gc
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from django.db import connections

from boursomatic.shared.processes import die_with_parent
from training.recipes.base import MEMORY
from training.worker.outcome import OutcomeKind, RunOutcome

_PIPE_CHUNK = 65_536


class Child:
    """A parent's handle on its child."""

    def __init__(self, pid: int, report_fd: int) -> None:
        self.pid = pid
        self._report = report_fd
        self._pidfd = os.pidfd_open(pid)
        self._poll = select.poll()
        self._poll.register(self._pidfd, select.POLLIN)
        self._poll.register(self._report, select.POLLIN)
        self._message = b""  # what was read of the child's report
        self._status: int | None = None

    @classmethod
    def start(cls, job: Callable[[], None], *, memory: int = MEMORY) -> "Child":
        """Forks a process for `job` that may take `memory` bytes above its size now; the caller has closed its database
        connections."""
        parent = os.getpid()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            _live(job, parent, writing, memory)
        os.close(writing)
        return cls(pid, reading)

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
        os.close(self._pidfd)
        os.close(self._report)

    def outcome(self) -> RunOutcome:
        """Of a child that has ended by itself."""
        self._reap()
        assert self._status is not None
        if os.WIFSIGNALED(self._status):
            return RunOutcome.of_signal(os.WTERMSIG(self._status))
        while self._read():
            pass
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


def _live(job: Callable[[], None], parent: int, report_fd: int, memory: int) -> NoReturn:
    """The child's life. Whatever happens it ends here, without its parent's exit handlers."""
    try:
        gc.freeze()  # what the parent loaded is never garbage: collecting it would only copy pages
        _reset_signals()
        die_with_parent(parent)
        faulthandler.enable()  # what native code was doing when it crashed goes to the log
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
