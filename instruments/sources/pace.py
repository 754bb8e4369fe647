"""How often a vendor is asked: so many calls in any minute, and a rest for everybody when it was too often."""

import threading
import time
from collections import deque

from instruments.sources.errors import SourceError

_MINUTE = 60.0


class Stopped(SourceError):
    """Nobody waits for the answer any more."""


class Pace:
    """Shared by threads. `calls_a_minute` None: no limit."""

    def __init__(self, calls_a_minute: int | None = None) -> None:
        self._most = calls_a_minute
        self._calls = deque[float]()  # of the last minute, as time.monotonic() has them
        self._resumes_at = 0.0
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def turn(self) -> None:
        """Returns when a call may be made. Raises Stopped."""
        while (seconds := self.wait_s(time.monotonic())) > 0:
            self.sleep(seconds)
        if self._stop.is_set():
            raise Stopped("It was stopped.")

    def sleep(self, seconds: float) -> None:
        """Raises Stopped."""
        if self._stop.wait(seconds):
            raise Stopped("It was stopped.")

    def rest(self, seconds: float) -> None:
        """No call by anybody for so long."""
        with self._lock:
            self._resumes_at = max(self._resumes_at, time.monotonic() + seconds)

    def resting_s(self) -> float:
        """Seconds until calls are made again after a `rest`."""
        return max(0.0, self._resumes_at - time.monotonic())

    def stop(self) -> None:
        """Whoever waits, or comes, is told Stopped."""
        self._stop.set()

    def wait_s(self, now: float) -> float:
        """0 where a call may be made at `now` (as time.monotonic), which is counted then; else seconds to wait."""
        with self._lock:
            wait = self._resumes_at - now
            # Summed as below: calls[0] <= now - 60 may differ by a rounding, and a full minute would have no wait.
            while self._calls and self._calls[0] + _MINUTE <= now:
                self._calls.popleft()
            if self._most is not None and len(self._calls) >= self._most:
                wait = max(wait, self._calls[0] + _MINUTE - now)
            if wait > 0:
                return wait
            self._calls.append(now)
            return 0.0
