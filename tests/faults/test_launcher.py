"""`scripts/serve` behind the set-up: starts, restarts what dies, and stops without leaving anything."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from boursomatic.env import ROOT
from tests.faults.crew import WAIT_S, group, until
from tests.faults.site import Site

pytestmark = pytest.mark.processes


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def test_it_starts_says_how_to_log_in_and_stops(tmp_path: Path) -> None:
    password = secrets.token_urlsafe(12)
    site = Site(tmp_path, BOURSOMATIC_ADMIN_PASSWORD=password)
    try:
        site.wait_ready()
        last = site.said().splitlines()[-1]
        assert last.startswith(f"Ready: http://127.0.0.1:{site.port}/  Log in as admin")
        assert password not in site.said()
        assert site.get("/healthz") == (200, {"status": "ok"})
        until(lambda: site.get("/readyz")[0] == 200, what="readyz")
        groups = site.groups()
        site.process.terminate()
        assert site.process.wait(10) == 0
        assert [pid for pgid in groups for pid in group(pgid)] == []
    finally:
        site.destroy()


def test_it_starts_again_whatever_dies_and_killed_itself_leaves_no_orphan(home: Path) -> None:
    site = Site(home)
    try:
        site.wait_ready()
        for victim in site.groups():
            os.kill(victim, signal.SIGKILL)
            until(lambda victim=victim: victim not in site.groups() and len(site.groups()) == 2, what="another")
            assert group(victim) == []
        until(lambda: site.get("/readyz")[0] == 200, what="readyz")
        groups = site.groups()
        os.kill(site.process.pid, signal.SIGKILL)
        site.process.wait()
        until(lambda: not [pid for pgid in groups for pid in group(pgid)], what="no orphan")
    finally:
        site.destroy()


def test_it_says_what_is_missing_when_no_worker_beats(home: Path) -> None:
    site = Site(home, BOURSOMATIC_WORKERS="0")
    try:
        site.wait_ready()
        code, answer = until(lambda: (a := site.get("/readyz"))[0] == 503 and a, what="503")
        assert code == 503
        assert list(answer["missing"]) == ["worker"]
        assert site.get("/healthz")[0] == 200
    finally:
        site.destroy()


def impatient(home: Path) -> Site:
    """Its launcher takes a web server for one that hangs after 10 s."""
    constants = "launcher.WEB_WATCHDOG_S, launcher.PROBE_S = 10.0, 2.0"
    program = f"from boursomatic.serve import launcher; {constants}; raise SystemExit(launcher.main())"
    return Site(home, launcher=("-c", program), BOURSOMATIC_WORKERS="0")


def test_it_starts_a_web_server_again_that_lives_and_answers_nothing(home: Path) -> None:
    site = impatient(home)
    try:
        site.wait_ready()
        (web,) = site.groups()
        stopped = group(web)
        for pid in stopped:  # the first is the master, which would replace the others
            os.kill(pid, signal.SIGSTOP)
        until(lambda: site.groups() not in ([], [web]), what="another web server")
        until(lambda: site.get("/healthz")[0] == 200, what="its answer")
        assert site.said().count("The web server was silent for 10 s; it is started again.") == 1
        assert not set(stopped) & set(group(web))
    finally:
        site.destroy()


def test_web_processes_tell_systemd_that_they_live(tmp_path: Path) -> None:
    """As docs/deploy/boursomatic-web.service starts them."""
    home = {"BOURSOMATIC_HOME": str(tmp_path), "DJANGO_SETTINGS_MODULE": "boursomatic.settings"}
    gunicorn = "-m gunicorn -c python:boursomatic.serve.gunicorn --bind 127.0.0.1:0 boursomatic.wsgi:served"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(WAIT_S)
        web = subprocess.Popen([sys.executable, *gunicorn.split()], cwd=ROOT, start_new_session=True,
                               env={**os.environ, **home, "NOTIFY_SOCKET": systemd.getsockname()})  # fmt: skip
        try:
            assert systemd.recv(4096).startswith(b"READY=1")
            assert systemd.recv(4096) == b"WATCHDOG=1"  # the master has forked one
            os.kill(web.pid, signal.SIGSTOP)  # the master alone: who is served notices nothing
            for _ in range(10):
                assert systemd.recv(4096) == b"WATCHDOG=1"
        finally:
            os.killpg(web.pid, signal.SIGKILL)
            web.wait()


def test_stopped_itself_it_takes_nobody_for_silent(home: Path) -> None:
    site = impatient(home)
    try:
        site.wait_ready()
        os.kill(site.process.pid, signal.SIGSTOP)
        time.sleep(12)
        os.kill(site.process.pid, signal.SIGCONT)
        for _ in range(20):
            assert site.get("/healthz")[0] == 200
        site.process.terminate()
        assert site.process.wait(WAIT_S) == 0
        assert "started again" not in site.said()
    finally:
        site.destroy()


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"BOURSOMATIC_WORKERS": "many"}, "BOURSOMATIC_WORKERS is 'many'"),
        ({"DATABASE_URL": "postgres://a:secret@127.0.0.1:1/x"}, "The database can't be used"),
    ],
)
def test_it_refuses_to_start_with_one_clear_sentence(home: Path, variables: dict[str, str], words: str) -> None:
    site = Site(home, **variables)
    assert site.process.wait(WAIT_S) == 1
    assert words in site.said()
    assert "Traceback" not in site.said()
    assert "secret" not in site.said()


def test_it_refuses_a_port_in_use(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "boursomatic.serve.launcher", "--port", str(port)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=WAIT_S)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Port {port} on 127.0.0.1 can't be used")
    assert len(done.stderr.splitlines()) == 1
