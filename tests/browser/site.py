"""The whole product on a free port, with a home of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from boursomatic.env import ROOT

NAME, PASSWORD = "admin", "a long word of the tests"
START_S = 300.0  # an end of waiting, not a measure: a start takes seconds, on a busy machine minutes
STOP_S = 60.0


@dataclass(frozen=True)
class Site:
    url: str
    home: Path
    log: Path
    environment: dict[str, str]

    def manage(self, *words: str) -> str:
        """A management command on this site; what it printed."""
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=START_S, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def running_site(home: Path, *, workers: int = 1, demo: bool = True) -> Iterator[Site]:
    """The launcher as scripts/serve starts it; ready when the block begins, gone when it ends."""
    port = _free_port()
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "boursomatic.settings",
        "BOURSOMATIC_ENV": "local",
        "BOURSOMATIC_HOME": str(home),
        "BOURSOMATIC_ADMIN_PASSWORD": PASSWORD,
        "BOURSOMATIC_DEMO": "1" if demo else "0",
        "BOURSOMATIC_WORKERS": str(workers),
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": "",
    }
    site = Site(f"http://127.0.0.1:{port}", home, home / "launcher.log", environment)
    command = [sys.executable, "-m", "boursomatic.serve.launcher", "--port", str(port)]
    with site.log.open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_until_ready(process, site, "readyz" if workers else "healthz")
        yield site
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def _wait_until_ready(process: subprocess.Popen[bytes], site: Site, path: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{site.url}/{path}", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"The site was not ready within {START_S:g} s. Its log:\n{site.log.read_text()[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
