"""A throw-away site for benchmarks: its own home and database, bars, a person with a token, web and workers."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
READY_S = 120


@dataclass(frozen=True)
class Site:
    """Where it is and how to ask it."""

    url: str
    token: str
    environment: dict[str, str]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or "null")


def environment(home: Path, **more: str) -> dict[str, str]:
    """The process environment with a home of its own; DATABASE_URL is taken over if it is set."""
    return {
        **os.environ,
        "BOURSOMATIC_HOME": str(home),
        "BOURSOMATIC_DEMO": "0",
        "BOURSOMATIC_ADMIN_PASSWORD": "bench-password-1",
        "BOURSOMATIC_MAX_ACTIVE_PER_USER": "1000",
        "DJANGO_SETTINGS_MODULE": "boursomatic.settings",
        **more,
    }


def manage(env: dict[str, str], *arguments: str) -> str:
    """A management command's standard output."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"manage.py {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return done.stdout


@contextlib.contextmanager
def running_site(data: Path, symbol: str, **more: str) -> Iterator[Site]:
    """Migrated, `data` imported as `symbol`, web and workers up; all gone at the end."""
    with tempfile.TemporaryDirectory(prefix="boursomatic-bench-") as folder:
        env = environment(Path(folder), **more)
        manage(env, "migrate", "--verbosity", "0")
        manage(env, "import_bars", str(data), "--symbol", symbol, "--json")
        with _launched(env) as url:
            yield Site(url, json.loads(manage(env, "create_token", "admin", "--json"))["token"], env)


@contextlib.contextmanager
def empty_site() -> Iterator[str]:
    """Its address; web and a worker, on SQLite."""
    folder = tempfile.TemporaryDirectory(prefix="boursomatic-bench-")
    with folder as home, _launched(environment(Path(home), DATABASE_URL="", BOURSOMATIC_WORKERS="1")) as url:
        yield url


@contextlib.contextmanager
def demo_site() -> Iterator[Site]:
    """With the demo data and a token of every scope; web and a worker, on SQLite."""
    with tempfile.TemporaryDirectory(prefix="boursomatic-bench-") as folder:
        env = environment(Path(folder), DATABASE_URL="", BOURSOMATIC_DEMO="1", BOURSOMATIC_WORKERS="1")
        with _launched(env) as url:
            scopes = ["read", "predict", "train", "data", "activate"]
            token = json.loads(manage(env, "create_token", "admin", "--json", "--scope", *scopes))["token"]
            yield Site(url, token, env)


@contextlib.contextmanager
def _launched(env: dict[str, str]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launcher = subprocess.Popen(
        [sys.executable, "-m", "boursomatic.serve.launcher", "--port", str(port)],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _await_ready(url)
        yield url
    finally:
        launcher.send_signal(signal.SIGTERM)
        launcher.wait(timeout=30)


def _await_ready(url: str) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError):  # not there yet, or too busy to answer
            if urllib.request.urlopen(f"{url}/readyz", timeout=5).status == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"The site was not ready within {READY_S} s.")
