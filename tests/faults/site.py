"""A launcher with web server and workers in a home of its own, asked over HTTP."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from boursomatic.env import ROOT
from tests.faults.crew import children, until


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Site:
    """A launcher in a home of its own; `launcher`: what Python is told, if it isn't its module."""

    def __init__(
        self,
        home: Path,
        *,
        preexec_fn: Callable[[], None] | None = None,
        launcher: Sequence[str] = ("-m", "boursomatic.serve.launcher"),
        **environment: str,
    ) -> None:
        self.port = free_port()
        self.log = home / f"log-{self.port}"
        variables = {**os.environ, "BOURSOMATIC_HOME": str(home), "DATABASE_URL": "",
                     "DJANGO_SETTINGS_MODULE": "boursomatic.settings", **environment}  # fmt: skip
        self.environment = variables
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *launcher, "--port", str(self.port)],
                cwd=ROOT, env=variables, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=preexec_fn,  # noqa: PLW1509  (one thread here)
            )  # fmt: skip

    def said(self) -> str:
        return self.log.read_text()

    def get(self, path: str) -> tuple[int, Any]:
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
        """Status and JSON; status 0 where nobody answered."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Token {token}"} if token else {})
        content = None if body is None else json.dumps(body).encode()
        wanted = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", content, headers, method=method)
        try:
            with urllib.request.urlopen(wanted, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)
        except OSError:
            return 0, None

    def manage(self, *arguments: str) -> str:
        """A management command's standard output."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def wait_ready(self) -> None:
        until(lambda: self.process.poll() is not None or "Ready: " in self.said(), what="ready")
        assert self.process.poll() is None, self.said()

    def groups(self) -> list[int]:
        """The process groups of web and workers; each part leads its own."""
        return children(self.process.pid)

    def destroy(self) -> None:
        groups = self.groups()
        for pid in [self.process.pid, *groups]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self.process.wait()
