"""`scripts/serve` behind the set-up: starts, restarts what dies, and stops without leaving anything."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boursomatic.env import ROOT
from tests.faults.crew import children, group, until

pytestmark = pytest.mark.processes

START_S = 90.0  # a fresh home: tables, static files, workers that import LightGBM, all on a busy machine


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Site:
    """A launcher in a home of its own."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.port = free_port()
        self.log = home / f"log-{self.port}"
        variables = {**os.environ, "BOURSOMATIC_HOME": str(home), "DATABASE_URL": "",
                     "DJANGO_SETTINGS_MODULE": "boursomatic.settings", **environment}  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "boursomatic.launcher", "--port", str(self.port)],
                cwd=ROOT, env=variables, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def said(self) -> str:
        return self.log.read_text()

    def get(self, path: str) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)
        except OSError:
            return 0, None

    def wait_ready(self) -> None:
        until(lambda: self.process.poll() is not None or "Ready: " in self.said(), START_S, "ready")
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


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def site(home: Path) -> Iterator[Site]:
    made = Site(home)
    try:
        yield made
    finally:
        made.destroy()


def test_it_starts_says_how_to_log_in_and_stops(tmp_path: Path) -> None:
    password = secrets.token_urlsafe(12)
    site = Site(tmp_path, BOURSOMATIC_ADMIN_PASSWORD=password)
    try:
        site.wait_ready()
        last = site.said().splitlines()[-1]
        assert last.startswith(f"Ready: http://127.0.0.1:{site.port}/  Log in as admin")
        assert password not in site.said()
        assert site.get("/healthz") == (200, {"status": "ok"})
        until(lambda: site.get("/readyz")[0] == 200, 10, "readyz")
        groups = site.groups()
        site.process.terminate()
        assert site.process.wait(10) == 0
        assert [pid for pgid in groups for pid in group(pgid)] == []
    finally:
        site.destroy()


def test_it_starts_again_whatever_dies(site: Site) -> None:
    site.wait_ready()
    for victim in site.groups():
        os.kill(victim, signal.SIGKILL)
        until(lambda victim=victim: victim not in site.groups() and len(site.groups()) == 2, 20, "another")
        assert group(victim) == []
    until(lambda: site.get("/readyz")[0] == 200, 30, "readyz")


def test_it_says_what_is_missing_when_no_worker_beats(home: Path) -> None:
    site = Site(home, BOURSOMATIC_WORKERS="0")
    try:
        site.wait_ready()
        code, answer = until(lambda: (a := site.get("/readyz"))[0] == 503 and a, 30, "503")
        assert code == 503
        assert list(answer["missing"]) == ["worker"]
        assert site.get("/healthz")[0] == 200
    finally:
        site.destroy()


def test_it_leaves_no_orphan_when_it_is_killed(site: Site) -> None:
    site.wait_ready()
    groups = site.groups()
    os.kill(site.process.pid, signal.SIGKILL)
    site.process.wait()
    until(lambda: not [pid for pgid in groups for pid in group(pgid)], 10, "no orphan")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"BOURSOMATIC_WORKERS": "many"}, "BOURSOMATIC_WORKERS is 'many'"),
        ({"DATABASE_URL": "postgres://a:secret@127.0.0.1:1/x"}, "The database can't be used"),
    ],
)
def test_it_refuses_to_start_with_one_clear_sentence(home: Path, variables: dict[str, str], words: str) -> None:
    site = Site(home, **variables)
    assert site.process.wait(30) == 1
    assert words in site.said()
    assert "Traceback" not in site.said()
    assert "secret" not in site.said()


def test_it_refuses_a_port_in_use(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "boursomatic.launcher", "--port", str(port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port} on 127.0.0.1 can't be used")
    assert len(done.stderr.splitlines()) == 1
