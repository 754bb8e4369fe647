"""Turns of requests within one web process: threads that all compute only get into each other's way."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

AT_ONCE = 2
LONGEST_WAIT_S = 1.0  # who waits longer begins all the same: those before it may wait for the database
WITHOUT_BODY = ("GET", "HEAD")  # what is sent may come slowly, and computes nothing meanwhile


class Turns:
    """WSGI: so many answers are computed at a time. Reading requests and sending answers are not in the turn, so a slow
    client holds a thread but no turn."""

    def __init__(
        self, application: Application, at_once: int = AT_ONCE, longest_wait_s: float = LONGEST_WAIT_S
    ) -> None:
        self.application = application
        self.longest_wait_s = longest_wait_s
        self._free = threading.BoundedSemaphore(at_once)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in WITHOUT_BODY or not self._free.acquire(timeout=self.longest_wait_s):
            return self.application(environ, start_response)
        try:
            return self.application(environ, start_response)
        finally:
            self._free.release()
