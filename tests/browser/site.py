"""The whole product on a free port, with a home of its own."""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from boursomatic.env import ROOT

NAME, PASSWORD = "admin", "a long word of the tests"
START_S = 300.0  # an end of waiting, not a measure: a start takes seconds, on a busy machine minutes
STOP_S = 60.0
SEARCHES = """
from django.core.management import call_command
from instruments.models import PriceBar
bars = PriceBar.objects.filter(series__instrument__symbol="IBM", timestamp__gte="2006-01-01")
for at in bars.order_by("timestamp").values_list("timestamp", flat=True)[: 30 * 25 : 25]:
    call_command(
        "optimize", symbol="IBM", selected_candle_date=f"{at:%Y-%m-%dT%H:%M:%SZ}", train_years=1.5, test_window_size=20,
        trials=10, folds=2, no_train=True, json=True,
    )
"""
PREPARE = "import django; django.setup(); from boursomatic.serve.prepare import prepare; prepare(print)"


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

    def search(self) -> None:
        """300 search trials at 30 candles, which settings can then be suggested from."""
        self.manage("shell", "--command", SEARCHES)


@contextmanager
def running_site(home: Path, *, workers: int = 1, demo: bool = True, source_hosts: str = "") -> Iterator[Site]:
    """The launcher as scripts/serve starts it; ready when the block begins, gone when it ends."""
    port = _free_port()
    shutil.copytree(_fresh_home(demo), home, dirs_exist_ok=True)
    environment = _environment(home, workers=workers, demo=demo) | {"BOURSOMATIC_SOURCE_HOSTS": source_hosts}
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


@cache
def _fresh_home(demo: bool) -> Path:
    """What the launcher prepares at its first start, which is the same for every site."""
    home = Path(tempfile.mkdtemp(prefix="boursomatic-fresh-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-c", PREPARE], cwd=ROOT, env=_environment(home, workers=0, demo=demo), check=True,
        stdout=subprocess.DEVNULL, timeout=START_S,
    )  # fmt: skip
    return home


def _environment(home: Path, *, workers: int, demo: bool) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "boursomatic.settings",
        "BOURSOMATIC_ENV": "local",
        "BOURSOMATIC_HOME": str(home),
        "BOURSOMATIC_ADMIN_PASSWORD": PASSWORD,
        "BOURSOMATIC_DEMO": "1" if demo else "0",
        "BOURSOMATIC_WORKERS": str(workers),
        "GUNICORN_CMD_ARGS": "" if workers else "--workers=1",  # pages alone take no second process
        "ALLOWED_HOSTS": "127.0.0.1",
        "DATABASE_URL": "",
    }


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
