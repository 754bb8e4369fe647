"""Who uses the site: over HTTP within a machine's network, as a proxy would, or over TLS through that proxy."""

import http.client
import json
import ssl
from pathlib import Path
from typing import Any

from tests.deploy.machine import Machine
from tests.faults.crew import until

SITE = "quant.example"
CANDLE = {"candle_date": "2010-06-15T00:00:00Z", "symbol": "AAPL", "confirm": False}
MEMBER, PASSWORD = "dave", "abc-def-ghi-1"
CREATE_TOKEN = ("create_token", MEMBER, "--scope", "read", "train", "predict", "activate", "--json")
LOOK_S = 0.5


def token_in(printed: str) -> str:
    """Of what create_token prints, whatever a terminal adds."""
    token: str = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])["token"]
    return token


class Client:
    """`authority` is the certificate that nginx shows; without it HTTP is spoken, as between nginx and web server."""

    def __init__(self, machine: Machine, *, port: int = 8000, authority: Path | None = None, token: str = "") -> None:
        self.machine = machine
        self.port = port
        self.authority = authority
        self.token = token
        self.headers = {"Host": SITE, "X-Forwarded-Proto": "https", "Content-Type": "application/json"}
        self.headers |= {"Authorization": f"Token {token}"} if token else {}

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON, or the text that is none; a status of 0 where nobody answers."""
        with self.machine.network():
            connection = self._connection()
            try:
                content = None if body is None else json.dumps(body)
                connection.request("GET" if body is None else "POST", path, content, self.headers)
                answer = connection.getresponse()
                text = answer.read().decode()
            except OSError:
                return 0, None
            finally:
                connection.close()
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(text) if is_json else text

    def _connection(self) -> http.client.HTTPConnection:
        if self.authority is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        trust = ssl.create_default_context(cafile=self.authority)
        trust.check_hostname = False  # it is asked by address; the certificate itself is the trusted one
        return http.client.HTTPSConnection("127.0.0.1", 443, timeout=60, context=trust)

    def wait_ready(self) -> None:
        until(lambda: self.ask("/readyz")[0] == 200, what="a migrated database and a worker", poll_s=LOOK_S)

    def train(self) -> str:
        """A candle run goes through. Its name."""
        status, run = self.ask("/api/training/run-poc", CANDLE)
        assert status == 202, run
        name: str = run["run_id"]
        ended = until(lambda: self._ended(name), what="a candle run", poll_s=LOOK_S)
        assert ended["status"] == "completed", ended
        return name

    def _ended(self, name: str) -> dict[str, Any] | None:
        status, run = self.ask(f"/api/training/poc-runs/{name}")
        assert status == 200, run
        return run if run["finished_at"] else None
