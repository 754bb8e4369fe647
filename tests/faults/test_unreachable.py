"""A database that can't be connected to: whatever is started says so in a sentence, with what to do."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boursomatic.env import ROOT
from tests.faults.site import free_port
from tests.postgres import server

pytestmark = pytest.mark.processes
PASSWORD = "hidden1"
COMMANDS = (
    ["manage.py", "migrate"],
    ["manage.py", "createsuperuser", "--no-input", "--username", "a", "--email", "a@example.org"],
    ["manage.py", "verify_artifacts", "--json"],
    ["manage.py", "worker"],
    ["-m", "boursomatic.serve.launcher"],
)


@pytest.fixture(scope="module")
def locked() -> Iterator[str]:
    """The address of a real database, with a wrong password."""
    with server() as postgres:
        yield postgres.require_password("another").replace("another", PASSWORD)


def refused(arguments: list[str], url: str, home: Path, **variables: str) -> str:
    """The one sentence on standard error."""
    serves = "boursomatic.serve.launcher" in arguments
    port = ["--port", str(free_port())] if serves else []
    environment = {**os.environ, "BOURSOMATIC_HOME": str(home), "DATABASE_URL": url,
                   "DJANGO_SETTINGS_MODULE": "boursomatic.settings", **variables}  # fmt: skip
    done = subprocess.run(
        [sys.executable, *arguments, *port], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert PASSWORD not in said and "Traceback" not in said
    (sentence,) = done.stderr.splitlines()
    return sentence


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[1])
def test_a_wrong_password(arguments: list[str], locked: str, tmp_path: Path) -> None:
    sentence = refused(arguments, locked, tmp_path)
    assert "password authentication failed" in sentence
    assert sentence.endswith("Correct user and password in DATABASE_URL.")


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[1])
def test_nobody_listens(arguments: list[str], tmp_path: Path) -> None:
    sentence = refused(arguments, f"postgres://me:{PASSWORD}@127.0.0.1:1/x", tmp_path)
    assert "Connection refused" in sentence
    assert sentence.endswith("See that it runs, and that DATABASE_URL names it.")


@pytest.mark.parametrize("options", ["", "?connect_timeout=2"])
def test_who_listens_answers_nothing(options: str, tmp_path: Path) -> None:
    """As behind a route that drops packets."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgres://me:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/x{options}"
        sentence = refused(["manage.py", "migrate"], url, tmp_path)
    assert "timeout expired" in sentence
    assert sentence.endswith("See that it runs, and that DATABASE_URL names it.")


@pytest.mark.parametrize(
    ("url", "to_do"),
    [
        (f"postgres://me:{PASSWORD}@127.0.0.1:1/x?unknown=1", "Correct DATABASE_URL"),
        (f"postgres://me:{PASSWORD}#1@host/x", "Write postgres://user:password@host:port/name."),
        (f"postgres://me:{PASSWORD}@host", "DATABASE_URL names no database."),
        (f"nosql://me:{PASSWORD}@host/x", "DATABASE_URL"),
        ("sqlite:////nowhere/x.sqlite3", "DATABASE_URL names it."),
    ],
)
def test_a_wrong_address(url: str, to_do: str, tmp_path: Path) -> None:
    assert to_do in refused(["manage.py", "migrate"], url, tmp_path)


def test_a_worker_says_so_in_its_log(tmp_path: Path) -> None:
    url = f"postgres://me:{PASSWORD}@127.0.0.1:1/x"
    line = json.loads(refused(["manage.py", "worker"], url, tmp_path, BOURSOMATIC_LOG_FORMAT="json"))
    assert line["level"] == "error" and line["event"].startswith("The database can't be used")
