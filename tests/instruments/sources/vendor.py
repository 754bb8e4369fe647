"""A vendor on loopback: real HTTP, with the answers and failures that it is told to give."""

import gzip
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import requests

from instruments.sources.base import Query
from instruments.sources.http import GuardedAdapter, Http

NOW = 1_893_500_000.0  # 2030-01-01, when all of the answers below are long final


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    host: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """What to answer; `cut` bytes are missing at the end, although Content-Length counts them (`short` it doesn't)."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    cut: int = 0

    def packed(self, *, cut: int = 0) -> "Reply":
        """As gzip, which ends `cut` bytes early with a Content-Length that says nothing of it."""
        body = gzip.compress(self.body)
        return replace(self, body=body[: len(body) - cut], headers=(*self.headers, ("Content-Encoding", "gzip")))


def text(body: str, status: int = 200, **headers: str) -> Reply:
    return Reply(body.encode(), status, tuple((name.replace("_", "-"), value) for name, value in headers.items()))


def data(value: Any, status: int = 200) -> Reply:
    return text(json.dumps(value), status, Content_Type="application/json")


Route = Reply | Callable[[Asked], Reply]


@dataclass
class Vendor:
    """Answers by path; one without an answer is 404."""

    port: int
    routes: dict[str, Route] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        route = self.routes.get(asked.path, text("Not Found", 404))
        return route if isinstance(route, Reply) else route(asked)

    def http(self, *hosts: str) -> Http:
        """A session that may call this server, and for which it is all of `hosts`."""
        http = Http([f"127.0.0.1:{self.port}"])
        for host in hosts:
            http.session.mount(f"https://{host}", _Instead(self.port))
        http.browser = http.session
        return http


@contextmanager
def vendor() -> Iterator[Vendor]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(self.headers["Host"], parts.path, dict(parse_qsl(parts.query)), dict(self.headers))
            reply = told.reply(asked)
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body[: len(reply.body) - reply.cut])
            self.close_connection = reply.cut > 0

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: what arrived is in `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told = Vendor(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Instead(GuardedAdapter):
    """Sends what is meant for a vendor to the port, and says that it came from the vendor."""

    def __init__(self, port: int) -> None:
        self.port = port
        super().__init__(frozenset({f"127.0.0.1:{port}"}))

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        address = request.url or ""
        parts = urlsplit(address)
        asked = request.copy()
        asked.headers["Host"] = parts.netloc
        asked.url = urlunsplit(("http", f"127.0.0.1:{self.port}", parts.path, parts.query, ""))
        response = super().send(asked, *args, **kwargs)
        response.url, response.request = address, request
        return response


def query(symbol: str = "AAPL", **changes: Any) -> Query:
    whole = Query(symbol, "1d", date(2014, 6, 2), date(2014, 6, 13), NOW)
    return replace(whole, **changes)
