"""Clients that send slowly, never end, or don't take what they asked for: others are answered all the same."""

import contextlib
import json
import re
import socket
from collections.abc import Iterator

import pytest
import requests

from boursomatic.serve.worker import HEADER_S
from tests.faults.crew import WAIT_S, until
from tests.faults.site import Site

pytestmark = pytest.mark.processes
MANY = 60  # more than both web processes have threads
HEADER = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
LARGEST = b"/static/drf_spectacular_sidecar/redoc/bundles/redoc.standalone.js.map"
LOGIN = (
    b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Cookie: csrftoken=abcdefghijklmnopqrstuvwxyz012345\r\nContent-Length: 5000\r\n\r\na"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("home"), BOURSOMATIC_WORKERS="0")
    site.wait_ready()
    yield site
    site.destroy()


@pytest.fixture
def sockets(site: Site) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(("127.0.0.1", site.port), timeout=WAIT_S)) for _ in range(MANY)
        ]


def answer(site: Site, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", site.port), timeout=WAIT_S) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65_536), b""))


@pytest.mark.parametrize("sent", [HEADER, LOGIN, b""], ids=["header", "body", "nothing"])
def test_what_does_not_arrive_keeps_nobody_waiting(site: Site, sockets: list[socket.socket], sent: bytes) -> None:
    for client in sockets:
        client.sendall(sent)
    for _ in range(20):
        assert site.get("/healthz") == (200, {"status": "ok"})


def test_a_header_that_does_not_end_is_given_up(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=1.0) as client:
        client.sendall(HEADER)

        def is_closed() -> bool:
            try:
                client.sendall(b"X: y\r\n")
                return client.recv(1) == b""
            except TimeoutError:
                return False
            except OSError:
                return True

        until(is_closed, 6 * HEADER_S, what="the connection to be closed")


def test_who_does_not_take_an_answer_keeps_nobody_waiting(site: Site, sockets: list[socket.socket]) -> None:
    """The largest file that needs no login."""
    for client in sockets:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"GET " + LARGEST + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    for _ in range(20):
        assert site.get("/healthz")[0] == 200


def test_requests_arrive_as_they_were_sent(site: Site) -> None:
    host = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"

    def status(request: bytes) -> bytes:
        return answer(site, request).split(b" ", 2)[1]

    assert status(b"GET /healthz?q=%ff&r=%C3%A9" + host + b"\r\n") == b"200"
    assert status(b"GET /%ff%00" + host + b"\r\n") == b"404"
    assert status(b"GET /caf\xc3\xa9" + host + b"\r\n") == b"400"
    assert status(b"GET /healthz" + host + b"X-A: b\r\n" * 101 + b"\r\n") == b"431"
    chunks = b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    assert status(b"POST /api/training/run-poc" + host + chunks) == b"401"
    head = answer(site, b"HEAD /healthz" + host + b"\r\n")
    assert head.startswith(b"HTTP/1.1 200") and head.endswith(b"\r\n\r\n")
    too_large = answer(site, b"POST /login/" + host + b"Content-Length: 999999999\r\n\r\n")
    assert too_large.startswith(b"HTTP/1.1 413") and too_large.endswith(b"The request is too large.")
    address = f"http://127.0.0.1:{site.port}/api/training/run-poc"
    assert requests.post(address, data=b" " * 3_000_000, timeout=WAIT_S).status_code == 401


def test_web_processes_count_requests_together(site: Site) -> None:
    token = json.loads(site.manage("create_token", "admin", "--json"))["token"]
    address, headers = f"http://127.0.0.1:{site.port}", {"Authorization": f"Token {token}"}

    def counted() -> float:
        text = requests.get(f"{address}/metrics", headers=headers, timeout=WAIT_S).text
        return float(re.search(r'requests_total\{method="GET",status="404"\} (\S+)', text)[1])  # type: ignore[index]

    requests.get(f"{address}/nowhere", timeout=WAIT_S)
    before = counted()
    for _ in range(20):  # each by a connection of its own, so that both processes have some
        requests.get(f"{address}/nowhere", timeout=WAIT_S)
    assert {counted() for _ in range(10)} == {before + 20}
