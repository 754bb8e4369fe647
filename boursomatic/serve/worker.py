"""gunicorn's worker for slow and hostile networks: requests that don't arrive are given up."""

import asyncio
import time
from typing import Any, cast

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

from boursomatic.shared.processes import notify

HEADER_S = 10.0  # from the connection, or the first byte of a next request, to the end of the header
BODY_S = 20.0  # of a body, and so much more for what has come of it
SLOWEST = 10_000  # bytes of a body a second
LONGEST_PAUSE_S = 60.0  # of a body, however much of it has come
LAST_S = 60.0  # from the end of an answer until all of it is taken: some ten kB are left then
MOST_UNFINISHED = 400  # requests on their way to one process; beyond, the one goes that has the least time left


class GuardedProtocol(ASGIProtocol):  # type: ignore[misc]
    """A connection whose request must arrive in time."""

    unfinished: "set[GuardedProtocol]" = set()  # of the process
    due = 0.0
    timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._expect()

    def _feed_callback_parser(self, data: bytes) -> bool:
        """What has been received, and what was received together with the request before it."""
        if self._current_request is None and self not in self.unfinished:
            self._expect()
        try:
            goes_on: bool = super()._feed_callback_parser(data)
        except ValueError:  # a Content-Length of thousands of digits
            self._send_error_response(400, "Invalid Content-Length")
            self._close_transport()
            return False
        return goes_on

    def _close_transport(self) -> None:
        """When what is left has been taken: asyncio would wait for that without an end."""
        if not self._closed:
            self._arrived()
            self.due = time.monotonic() + LAST_S
            self._watch()
        super()._close_transport()

    def _will_close(self, request: Any, response_requires_close: bool) -> bool:
        """HTTP/1.0 has no chunks: only the connection's end tells that of an answer whose length isn't known."""
        closes: bool = request.version < (1, 1) or super()._will_close(request, response_requires_close)
        return closes

    def connection_lost(self, exc: Exception | None) -> None:
        self._arrived()
        super().connection_lost(exc)

    def _on_headers_complete(self) -> Any:
        self.due = time.monotonic() + BODY_S
        return super()._on_headers_complete()

    def _on_body(self, chunk: bytes) -> None:
        self.due = min(self.due + len(chunk) / SLOWEST, time.monotonic() + LONGEST_PAUSE_S)
        super()._on_body(chunk)

    def _on_message_complete(self) -> None:
        self._arrived()
        super()._on_message_complete()

    def _expect(self) -> None:
        self.due = time.monotonic() + HEADER_S
        self._watch()
        if len(self.unfinished) >= MOST_UNFINISHED:  # an upload that goes on has more left than who says nothing
            min(self.unfinished, key=lambda other: other.due)._drop()
        self.unfinished.add(self)

    def _watch(self) -> None:
        left = self.due - time.monotonic()
        if left <= 0:
            self._drop()
        else:
            self.timer = self.worker.loop.call_later(left, self._watch)

    def _arrived(self) -> None:
        self.unfinished.discard(self)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _drop(self) -> None:
        self._arrived()
        cast(asyncio.Transport, self.transport).abort()


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]
    """gunicorn's own for an event loop, with connections that are watched."""

    def run(self) -> None:
        gasgi.ASGIProtocol = GuardedProtocol  # the name that it makes each connection of; it offers no setting
        super().run()

    def notify(self) -> None:
        """Each second, at the loop: to gunicorn's master, and to systemd, for a master that hangs too."""
        super().notify()
        notify("WATCHDOG=1")
