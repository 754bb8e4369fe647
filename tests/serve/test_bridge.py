"""The bridge from event loop to threads: what is cut off shows, who has left costs nothing, bodies are bounded."""

import asyncio
import threading
from collections.abc import Iterable
from typing import Any

import pytest

from boursomatic.serve import bridge
from boursomatic.serve.bridge import Bridge

WAIT_S = 60.0  # an end of waiting, not a measure
Message = dict[str, Any]
END = {"type": "http.response.body", "body": b""}


def scope(method: str = "GET", path: str = "/", headers: Iterable[tuple[bytes, bytes]] = ()) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
            "http_version": "1.1", "headers": list(headers)}  # fmt: skip


class Client:
    """Sends its parts, then stays until it is told to leave; keeps what it is sent."""

    def __init__(self, *parts: bytes) -> None:
        self.parts = list(parts or (b"",))
        self.leaves = asyncio.Event()
        self.got: list[Message] = []

    async def receive(self) -> Message:
        if self.parts:
            return {"type": "http.request", "body": self.parts.pop(0), "more_body": bool(self.parts)}
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.got.append(message)

    async def ask(self, served: Bridge, **request: Any) -> int:
        """The status; 0 where nothing was answered."""
        await asyncio.wait_for(served(scope(**request), self.receive, self.send), WAIT_S)
        return int(self.got[0]["status"]) if self.got else 0


def echo(environ: Message, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["wsgi.input"].read(), b"!"]


def test_the_body_arrives_whole_and_the_answer_ends() -> None:
    async def ask() -> list[Message]:
        client = Client(b"to", b"ge", b"ther")
        assert await client.ask(Bridge(echo), method="POST") == 200
        return client.got

    sent = asyncio.run(ask())
    assert b"".join(message.get("body", b"") for message in sent) == b"together!" and sent[-1] == END


def test_an_answer_that_breaks_off_is_not_ended_as_if_it_were_whole() -> None:
    def breaking(_environ: Message, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield b"half"
        raise RuntimeError("gone")

    async def ask() -> list[Message]:
        client = Client()
        with pytest.raises(RuntimeError, match="gone"):
            await client.ask(Bridge(breaking))
        return client.got

    sent = asyncio.run(ask())
    assert sent[-1]["body"] == b"half" and END not in sent


def test_an_answer_that_can_not_be_closed_ends_all_the_same() -> None:
    class Unclosable(list[bytes]):
        def close(self) -> None:
            raise RuntimeError("the database has gone")

    def application(environ: Message, start_response: Any) -> Iterable[bytes]:
        return Unclosable(echo(environ, start_response))

    async def ask() -> list[Message]:
        client = Client()
        with pytest.raises(RuntimeError, match="gone"):
            await client.ask(Bridge(application))
        return client.got

    assert asyncio.run(ask())[-1] == END


def test_what_was_computed_whole_is_sent_in_blocks_and_counts_until_it_is_taken() -> None:
    def large(_environ: Message, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield b"x" * (2 * bridge.BLOCK + 1)
        raise RuntimeError("gone")

    async def ask() -> list[int]:
        served, client, sizes = Bridge(large), Client(), list[int]()

        async def send(message: Message) -> None:
            sizes.append(len(message.get("body", b"")))
            if sizes[-1] == 1:
                raise ConnectionError  # the last of three blocks is not taken

        with pytest.raises(RuntimeError, match="gone"):
            await served(scope(), client.receive, send)
        assert served.ahead == 0
        return sizes

    assert asyncio.run(ask()) == [0, bridge.BLOCK, bridge.BLOCK, 1]


def test_where_others_take_nothing_who_does_is_not_cut_off() -> None:
    def large(_environ: Message, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield from [b"x" * bridge.BLOCK] * 20

    async def ask(*, takes: bool) -> int:
        served, client, left = Bridge(large), Client(), asyncio.Event()
        served.ahead = bridge.ALL_AHEAD + 1

        async def send(message: Message) -> None:
            await client.send(message)
            if message.get("body") and not takes:
                await left.wait()

        asking = asyncio.create_task(served(scope(), client.receive, send))
        if not takes:
            while not client.got:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(served._members.shutdown)  # its thread is free again
            left.set()
        await asyncio.wait_for(asking, WAIT_S)
        return sum(len(message.get("body", b"")) for message in client.got)

    assert asyncio.run(ask(takes=True)) == 20 * bridge.BLOCK
    assert asyncio.run(ask(takes=False)) < 20 * bridge.BLOCK


def test_a_head_computes_no_more_than_the_beginning() -> None:
    parts = iter([b"one", b"two"])

    def application(_environ: Message, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return parts

    async def ask() -> list[Message]:
        client = Client()
        await client.ask(Bridge(application), method="HEAD")
        return client.got

    assert [message["type"] for message in asyncio.run(ask())] == ["http.response.start", "http.response.body"]
    assert list(parts) == [b"two"]


def test_who_leaves_while_others_are_served_is_not_computed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "THREADS", 1)
    let_go, is_in, paths = threading.Event(), threading.Event(), list[str]()

    def held(environ: Message, start_response: Any) -> Iterable[bytes]:
        paths.append(environ["PATH_INFO"])
        is_in.set()
        assert let_go.wait(WAIT_S)
        return echo(environ, start_response)

    async def ask() -> None:
        served, first, second = Bridge(held), Client(), Client()
        begun = asyncio.create_task(first.ask(served, path="/first"))
        await asyncio.to_thread(is_in.wait, WAIT_S)
        second.leaves.set()
        assert await second.ask(served, path="/second") == 0
        let_go.set()
        assert await begun == 200

    asyncio.run(ask())
    assert paths == ["/first"]


def test_a_crowd_of_strangers_leaves_threads_to_members() -> None:
    let_go = threading.Event()

    def login(environ: Message, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/login/":
            assert let_go.wait(WAIT_S)
        return echo(environ, start_response)

    async def ask() -> None:
        served = Bridge(login)
        guesses = [asyncio.create_task(Client().ask(served, method="POST", path="/login/")) for _ in range(50)]
        assert await Client().ask(served, path="/healthz") == 200
        token = [(b"authorization", b"Token x")]
        assert await Client().ask(served, method="POST", path="/api/runs", headers=token) == 200
        let_go.set()
        assert set(await asyncio.gather(*guesses)) == {200}

    asyncio.run(ask())


def test_a_stranger_who_is_refused_for_asking_too_often_waits_at_the_loop() -> None:
    asked: list[int] = []

    def refuse(_environ: Message, start_response: Any) -> Iterable[bytes]:
        asked.append(len(asked))
        start_response("429 Too Many Requests", [])
        return [b"Wait."]

    async def ask() -> None:
        served = Bridge(refuse)
        strangers = [asyncio.create_task(Client().ask(served, method="POST")) for _ in range(20)]
        done, _ = await asyncio.wait(strangers, return_when=asyncio.FIRST_COMPLETED)
        assert len(asked) == 20 and {task.result() for task in done} == {429}
        assert await Client().ask(served, method="GET") == 429  # is nobody's guess
        assert await asyncio.gather(*strangers) == [429] * 20

    asyncio.run(ask())


def test_bodies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "LARGEST", 10)
    monkeypatch.setattr(bridge, "ALL_BODIES", 15)
    monkeypatch.setattr(bridge, "LITTLE", 7)

    async def ask() -> None:
        served = Bridge(echo)
        assert await Client(b"x" * 6, b"x" * 5).ask(served, method="POST") == 413
        assert await Client().ask(served, method="POST", headers=[(b"content-length", b"11")]) == 413
        served.held += 9  # of others
        assert await Client(b"x" * 9).ask(served, method="POST") == 503
        assert await Client(b"x" * 7).ask(served, method="POST") == 200  # a login, however many large ones are held
        served.held -= 9
        assert await Client(b"x" * 9).ask(served, method="POST") == 200 and served.held == 0

    asyncio.run(ask())
