"""Connections of the web server, by real sockets: what doesn't arrive, isn't taken or has no end is given up."""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from boursomatic.serve import worker
from boursomatic.serve.bridge import Bridge
from boursomatic.serve.worker import GuardedProtocol

WAIT_S = 60.0  # an end of waiting, not a measure
HOST = b" HTTP/1.1\r\nHost: localhost\r\n"
ASKED = b"GET /" + HOST + b"\r\n"
BEGUN = b"POST /" + HOST + b"Content-Length: 5000000\r\n\r\na"
LARGE = b"x" * 20_000_000

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [LARGE if environ["PATH_INFO"] == "/large" else b"ok"]


def converse(conversation: Conversation) -> bytes:
    """What the conversation returns; after it the server closes the connection, whatever the client does."""

    async def serve() -> bytes:
        config = Config()
        config.set("timeout", 600)  # gunicorn's own for a body that has stopped
        site = SimpleNamespace(cfg=config, log=Logger(config), asgi=Bridge(application), alive=True, nr=0, nr_conns=0,
                               max_requests=sys.maxsize, loop=asyncio.get_running_loop())  # fmt: skip
        server = await site.loop.create_server(lambda: GuardedProtocol(site), "127.0.0.1", 0)
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await site.loop.sock_connect(client, server.sockets[0].getsockname())
        reader, writer = await asyncio.open_connection(sock=client, limit=4096)
        try:
            answered = await conversation(reader, writer)
            while site.nr_conns:
                await asyncio.sleep(0.01)
            return answered
        finally:
            writer.transport.abort()
            server.close()

    return asyncio.run(asyncio.wait_for(serve(), WAIT_S))


def saying(sent: bytes) -> Conversation:
    """Sends it, and reads to the end."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(sent)
        return await reader.read()

    return say


@pytest.mark.parametrize("sent", [BEGUN, ASKED + BEGUN], ids=["alone", "behind another request"])
def test_a_body_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(worker, "BODY_S", 0.2)
    assert converse(saying(sent)).count(b"200 OK") == sent.count(b"GET")


def test_who_has_sent_much_may_not_pause_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LONGEST_PAUSE_S", 0.2)
    assert converse(saying(BEGUN + b"a" * 1_000_000)) == b""


def test_an_answer_that_nobody_takes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LAST_S", 0.2)
    monkeypatch.setattr("boursomatic.serve.bridge.STALLED_S", 0.2)

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET /large" + HOST + b"\r\n")
        return await reader.readexactly(100)

    assert converse(ask).startswith(b"HTTP/1.1 200")


def test_an_answer_by_http_1_0_ends_with_the_connection() -> None:
    answer = converse(saying(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))
    assert b"Connection: close" in answer and answer.endswith(b"\r\n\r\nok")


def test_a_length_of_thousands_of_digits_is_a_bad_request() -> None:
    assert converse(saying(b"POST /" + HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n")).startswith(
        b"HTTP/1.1 400"
    )


def test_of_too_many_an_upload_that_goes_on_is_not_the_one_that_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "MOST_UNFINISHED", 3)

    async def upload(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(BEGUN + b"a" * 1_000_000)
        address = writer.get_extra_info("peername")
        silent = []
        for _ in range(5):
            silent.append(await asyncio.open_connection(*address))
            await asyncio.sleep(0)
        closed = [asyncio.create_task(other.read()) for other, _ in silent[:3]]
        await asyncio.wait(closed)  # the oldest of them: two and the upload are left
        writer.write(b"a" * 3_999_999)
        answered = await reader.readuntil(b"ok")
        for _, other in silent:
            other.transport.abort()
        return answered

    assert converse(upload).startswith(b"HTTP/1.1 200")
