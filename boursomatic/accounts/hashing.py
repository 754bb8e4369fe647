"""The queue before password hashes: each takes a core for a while, so a process computes one at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_WAIT_S = 2.0
PLACES, PLACES_OF_KNOWN = 2, 4  # one is computed; who waits holds one of the web process's threads


class HashingBusy(Exception):
    """Too many wait already, or it took too long."""


class HashingQueue:
    """Who finds it full is told so at once, else after LONGEST_WAIT_S at most.

    Known browsers have places of their own, so that strangers who take all of theirs keep nobody of the house out.
    """

    def __init__(self) -> None:
        self._places = {
            False: threading.BoundedSemaphore(PLACES),
            True: threading.BoundedSemaphore(PLACES_OF_KNOWN),
        }
        self._turn = threading.BoundedSemaphore(1)

    @contextmanager
    def turn(self, *, is_known: bool = False) -> Iterator[None]:
        """Raises HashingBusy instead of waiting long."""
        places = self._places[is_known]
        if not places.acquire(blocking=False):
            raise HashingBusy
        try:
            if not self._turn.acquire(timeout=LONGEST_WAIT_S):
                raise HashingBusy
            try:
                yield
            finally:
                self._turn.release()
        finally:
            places.release()


queue = HashingQueue()
