"""Processes that end with their parent, and that tell systemd or the launcher that they live."""

import contextlib
import ctypes
import mmap
import os
import signal
import socket

_PR_SET_PDEATHSIG = 1
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


class Flag:
    """A bit that processes share over a fork; no lock, so a killed process can't hold it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        self._memory[0] = 1

    def is_set(self) -> bool:
        return bool(self._memory[0])


def notify(state: str) -> None:
    """systemd's sd_notify: `READY=1`, `WATCHDOG=1`. The launcher listens for the same."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(state.encode(), address.replace("@", "\0", 1) if address.startswith("@") else address)
