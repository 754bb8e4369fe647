"""From the server's event loop to Django's threads: who is slow waits at the loop, where waiting costs a socket, and a
thread has only requests that have arrived whole."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from urllib.parse import quote, unquote_to_bytes
from wsgiref.util import FileWrapper

from asgiref.wsgi import WsgiToAsgiInstance

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

THREADS = 8
STRANGERS = 2  # threads of those who send something without being logged in: each guess of a password is a hash
NICE = 5
IN_MEMORY = 2**18  # bytes of a body; the rest of it lies in a file
LARGEST = 210 * 2**20  # a body: uploads of bars are the largest, with some MB around them
ALL_BODIES = 2**30  # bytes of bodies on their way, of one process; beyond, those of more than LITTLE are refused
AHEAD = 2**22  # bytes of an answer that a thread may be ahead of its client: more than any static file has
ALL_AHEAD = 2**28  # bytes of all answers of a process; beyond, those that are ahead by more than LITTLE are cut off
LITTLE = 2**16
MOMENT_S = 0.1  # before it is cut off, for who takes what he is given
BLOCK = 2**18  # bytes that a file is read and sent by
STALLED_S = 60.0  # a client that takes nothing for so long is given up
TOO_OFTEN = (429, 503)
HELD_BACK_S = 1.0  # a refusal of what strangers send too often: who guesses without pause waits here, not for a thread
log = logging.getLogger("boursomatic.access")


class Bridge:
    """ASGI around a WSGI application, with a fixed number of threads."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self._members = ThreadPoolExecutor(THREADS, "member")
        self._strangers = ThreadPoolExecutor(STRANGERS, "stranger", _step_back)
        self.held = 0  # bytes of bodies
        self.ahead = 0  # bytes of answers
        self.taken = threading.Condition()  # guards it, and tells that a client has taken some

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        share = _Share(self)
        with SpooledTemporaryFile(IN_MEMORY) as body:
            try:
                status = await _read(body, receive, scope, share)
                environ = None if status else _environ(self.application, scope, body)
                if environ is None:
                    await _refuse(send, scope, status or 400)
                else:
                    await self._answer(environ, receive, send, is_stranger=_is_stranger(scope))
            finally:
                share.free()

    async def _answer(self, environ: dict[str, Any], receive: Receive, send: Send, *, is_stranger: bool) -> None:
        answer = _Answer(self, send)
        lane = self._strangers if is_stranger else self._members
        work = lane.submit(answer.compute, self.application, environ)

        def give_up() -> None:
            answer.give_up()
            if work.cancel():  # it has waited for a thread
                answer.parts.put_nowait(None)

        async def watch() -> None:
            await receive()  # the body is read, so what comes next is that the client has gone
            give_up()

        watching = asyncio.create_task(watch())
        try:
            await answer.deliver(is_stranger=is_stranger)
        finally:
            watching.cancel()
            give_up()
            try:
                if not work.cancelled():
                    await asyncio.wrap_future(work)  # the thread may still read the body
            finally:
                answer.forget()


def _step_back() -> None:
    """This thread computes when the others of the machine leave it time."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)


class _Share:
    """A request's share of what the process keeps of bodies."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge, self.size = bridge, 0

    def add(self, size: int) -> int:
        """0, or the status of a refusal: the body is too large, or there is no room for it now. A little, as a login,
        finds room always: else a few strangers' large bodies would keep everybody out."""
        self.size += size
        self.bridge.held += size
        if self.size > LARGEST:
            return 413
        return 503 if self.bridge.held > ALL_BODIES and self.size > LITTLE else 0

    def free(self) -> None:
        self.bridge.held -= self.size


async def _read(body: IO[bytes], receive: Receive, scope: Scope, share: _Share) -> int:
    """The whole body into `body`; 0, or the status of a refusal: 400 where the client has gone."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if length.isdigit() and int(length) > LARGEST:
        return 413
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return 400
        chunk = message.get("body", b"")
        if status := share.add(len(chunk)):
            return status
        body.write(chunk)
        if not message.get("more_body"):
            body.seek(0)
            return 0


def _environ(application: Application, scope: Scope, body: IO[bytes]) -> dict[str, Any] | None:
    """WSGI's, by asgiref; None for a request that WSGI can't express. Path and query as they came, percent-decoded and
    not: asgiref would take them for UTF-8 and ASCII."""
    bridge: Any = WsgiToAsgiInstance(application)  # type: ignore[no-untyped-call]
    bridge.scope = scope
    try:
        environ: dict[str, Any] = bridge.build_environ({**scope, "query_string": b""}, body)
    except ValueError:  # a header a hundred times
        return None
    environ["QUERY_STRING"] = scope["query_string"].decode("latin1")
    environ["PATH_INFO"] = unquote_to_bytes(scope["raw_path"].partition(b"?")[0]).decode("latin1")
    environ["wsgi.file_wrapper"] = lambda file, _size: FileWrapper(file, BLOCK)  # Django would take 4 KiB at a time
    return environ


def _is_stranger(scope: Scope) -> bool:
    """Sends something without a session, a token, or the mark of a browser that has logged in before. Anybody may claim
    one of them; what they guess with it still waits in the queue of hashes."""
    headers = dict(scope["headers"])
    cookie = headers.get(b"cookie", b"")
    is_known = b"authorization" in headers or b"sessionid=" in cookie or b"known_browser=" in cookie
    return scope["method"] not in ("GET", "HEAD") and not is_known


async def _refuse(send: Send, scope: Scope, status: int) -> None:
    sentences = {413: b"The request is too large.", 503: b"The server has no room for this now. Try again in a moment."}
    sentence = sentences.get(status, b"The request did not arrive.")
    path = quote(scope["raw_path"].partition(b"?")[0], safe="/%")
    fields = {"method": scope["method"], "path": path, "status": status}
    log.info("%s %s %d before Django", scope["method"], path, status, extra=fields)
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", str(len(sentence)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence})


class _Answer:
    """A WSGI answer on its way: a thread computes it, the loop delivers it, the one at most AHEAD of the other."""

    def __init__(self, bridge: Bridge, send: Send) -> None:
        self.bridge, self.send = bridge, send
        self.loop = asyncio.get_running_loop()
        self.parts: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.ahead = 0  # bytes
        self.is_given_up = self.has_failed = False

    def compute(self, application: Application, environ: dict[str, Any]) -> None:
        """In a thread."""
        answer: Iterable[bytes] = ()
        try:
            answer = application(environ, self._begin)
            for chunk in answer:
                if environ["REQUEST_METHOD"] == "HEAD" or not self._put(chunk):
                    break
        except BaseException:
            self.has_failed = True
            raise
        finally:
            try:
                if close := getattr(answer, "close", None):
                    close()
            finally:
                self.loop.call_soon_threadsafe(self.parts.put_nowait, None)

    def _begin(self, status: str, headers: list[tuple[str, str]], _problem: Any = None) -> None:
        pairs = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers]
        start = {"type": "http.response.start", "status": int(status.split(" ", 1)[0]), "headers": pairs}
        self.loop.call_soon_threadsafe(self.parts.put_nowait, start)

    def _put(self, chunk: bytes) -> bool:
        """Whether the client still takes what it is given."""
        taken = self.bridge.taken
        with taken:
            is_alive = taken.wait_for(lambda: self.is_given_up or self.ahead < AHEAD, STALLED_S)
            has_room = taken.wait_for(lambda: self.bridge.ahead <= ALL_AHEAD or self.ahead <= LITTLE, MOMENT_S)
            if not (is_alive and has_room):
                self.is_given_up = True
            if self.is_given_up:
                return False
            self._count(len(chunk))
        for start in range(0, len(chunk), BLOCK):  # what is computed whole may be large
            part = {"type": "http.response.body", "body": chunk[start : start + BLOCK], "more_body": True}
            self.loop.call_soon_threadsafe(self.parts.put_nowait, part)
        return True

    def _count(self, size: int) -> None:
        self.ahead += size
        self.bridge.ahead += size

    async def deliver(self, *, is_stranger: bool) -> None:
        """At the loop, until the thread has put the last one or the client is gone."""
        has_begun = False
        while (message := await self.parts.get()) is not None:
            has_begun = True
            if is_stranger and message.get("status") in TOO_OFTEN:
                await asyncio.sleep(HELD_BACK_S)
            try:
                async with asyncio.timeout(STALLED_S):
                    await self.send(message)
            except TimeoutError:
                return
            with self.bridge.taken:
                self._count(-len(message.get("body", b"")))
                self.bridge.taken.notify_all()
        if has_begun and not self.has_failed and not self.is_given_up:  # else the client sees that it is cut off
            await self.send({"type": "http.response.body", "body": b""})

    def give_up(self) -> None:
        with self.bridge.taken:
            self.is_given_up = True
            self.bridge.taken.notify_all()

    def forget(self) -> None:
        """What was never delivered counts no longer."""
        with self.bridge.taken:
            self._count(-self.ahead)
