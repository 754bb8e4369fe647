"""Processes that end with their parent, and that tell systemd or the launcher that they live."""

import contextlib
import ctypes
import mmap
import os
import signal
import socket
import time
from collections.abc import Collection
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_prctl = getattr(ctypes.CDLL(None), "prctl", None)


def die_with_parent(parent: int, how: signal.Signals = signal.SIGKILL) -> None:
    """The kernel (Linux) sends `how` to this process when the thread that forked it ends.

    `parent` is who that was: it may have ended before this call.
    """
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, how, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


class _Forks:
    """Binds every process that this one forks from now on, and theirs."""

    def __init__(self) -> None:
        self._parent = os.getpid()
        os.register_at_fork(before=self._before, after_in_child=self._after)

    def _before(self) -> None:
        self._parent = os.getpid()

    def _after(self) -> None:
        die_with_parent(self._parent)


def bind_forks() -> None:
    """Call once, before the first fork. Fork from the main thread: the signal follows the forking thread."""
    _Forks()


def adopt_orphans() -> None:
    """Descendants whose parent has died become this process's children."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_children(*, but: Collection[int | None]) -> None:
    """Every child except these: what was adopted, and in time what is adopted while this goes on."""
    here = Path(f"/proc/self/task/{os.getpid()}/children")
    with contextlib.suppress(OSError):
        while strays := [int(pid) for pid in here.read_text().split() if int(pid) not in but]:
            for pid in strays:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


class SharedFlag:
    """An event that processes share over a fork.

    Unlike multiprocessing's it has no lock: setting that one hangs when a process was killed while it waited.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def renew(self) -> None:
        """Not set, and from here on shared only with what this process forks."""
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        self._memory[0] = 1

    def is_set(self) -> bool:
        return bool(self._memory[0])

    def wait(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.is_set() and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.is_set()


def notify(state: str) -> None:
    """systemd's sd_notify: `READY=1`, `WATCHDOG=1`. The launcher listens for the same."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)
