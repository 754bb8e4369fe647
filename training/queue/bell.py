"""Tells those who read the queue that something was put into it, so that they need not look all the time.

On PostgreSQL it is NOTIFY, which comes with the commit, heard on the very connection that the queue is read by. All
processes on an SQLite file are on one host: there each reader has a socket in a folder of HOME, and who has committed
sends a byte to all of them. A ring may be lost with whoever is killed: then a reader has waited as long as it wanted to
wait, and looks by itself.
"""

import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from django.conf import settings
from django.db import connections, transaction

_CHANNEL = "boursomatic_queue"
_RINGS = 4096  # bytes read at once


def ring(alias: str) -> None:
    """Call in the transaction that puts something into the queue of this database: readers hear it once it is there."""
    if connections[alias].vendor == "postgresql":
        with connections[alias].cursor() as cursor:
            cursor.execute(f"NOTIFY {_CHANNEL}")
    else:
        transaction.on_commit(_send_to_all, using=alias)


class Listener(Protocol):
    def wait(self, seconds: float) -> None:
        """Until the bell rings, but not longer. Call when the queue was seen empty: what rings from the first call on
        is heard, however soon."""


def listener(alias: str) -> Listener:
    """For the process that calls it: not to be shared over a fork."""
    return _ByConnection(alias) if connections[alias].vendor == "postgresql" else _BySocket()


class _ByConnection:
    """Django opens another connection when one is old or broken; that one has to listen anew."""

    def __init__(self, alias: str) -> None:
        self._database = connections[alias]
        self._listening: Any = None

    def wait(self, seconds: float) -> None:
        """Raises Django's exceptions."""
        self._database.ensure_connection()
        raw: Any = self._database.connection
        if raw is not self._listening:
            with self._database.cursor() as cursor:
                cursor.execute(f"LISTEN {_CHANNEL}")
            self._listening = raw
            return  # what rang before was not heard: look again
        with self._database.wrap_database_errors:
            if not raw.notifies:  # those that came while the queue was read are there already
                select.select([raw], [], [], seconds)
                raw.poll()
            raw.notifies.clear()


class _BySocket:
    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        with suppress(OSError), _folder() as folder:  # without a place it hears nothing, and waits all the same
            self._socket.bind(f"{folder}/{uuid4().hex}")
        self._has_looked = False

    def wait(self, seconds: float) -> None:
        if self._has_looked:
            select.select([self._socket], [], [], seconds)
        self._has_looked = True  # what rang before there was a socket was not heard: look again
        with suppress(BlockingIOError):
            while self._socket.recv(_RINGS):
                pass


def _send_to_all() -> None:
    """Never waits, and fails silently: readers look by themselves."""
    with suppress(OSError), _folder() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for reader in Path(folder).iterdir():
            try:
                sender.sendto(b"!", str(reader))
            except ConnectionRefusedError:  # its reader has ended
                reader.unlink(missing_ok=True)
            except OSError:  # removed by another; or full, and so has rung already
                pass


@contextmanager
def _folder() -> Iterator[str]:
    """Its path, short enough for a socket wherever HOME is."""
    path = Path(settings.HOME) / "bells"
    path.mkdir(exist_ok=True)
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}"
    finally:
        os.close(handle)
