"""The queue before password hashes: each takes a core for a while, so a process computes one at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_WAIT_S = 2.0
MOST_WAITING = 3  # who waits holds one of the web process's threads


class HashingBusy(Exception):
    """Too many wait already, or it took too long."""


class HashingQueue:
    """Who finds it full is told so at once, else after LONGEST_WAIT_S at most."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(1 + MOST_WAITING)
        self._turn = threading.BoundedSemaphore(1)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises HashingBusy instead of waiting long."""
        if not self._places.acquire(blocking=False):
            raise HashingBusy
        try:
            if not self._turn.acquire(timeout=LONGEST_WAIT_S):
                raise HashingBusy
            try:
                yield
            finally:
                self._turn.release()
        finally:
            self._places.release()


queue = HashingQueue()
