"""Behind scripts/serve: prepares, then runs web and workers together until TERM or Ctrl-C.

What dies or falls silent is started again; at the end nothing is left behind, whatever was killed with whatever signal.
"""

import argparse
import contextlib
import errno
import logging
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import django
from django.conf import settings
from django.db import Error as DbError
from django.db import connection

from boursomatic.env import ROOT, BadSetting
from boursomatic.serve.home import secret_weakness, take_home, unwritable
from boursomatic.serve.sqlite_check import SqliteCheck
from boursomatic.shared.disk import cannot_write
from boursomatic.shared.outage import unreachable
from boursomatic.shared.processes import die_with_parent
from boursomatic.shared.stores import StoreFailed

TICK_S = 0.2
STOP_S = 8.0
CHECK_S = 5.0  # for so long a start waits for the check of an SQLite file, which then goes on beside it
START_S = 300.0  # before its first word a worker command loads what trains: on a slow disk that takes minutes
WATCHDOG_S = 60.0  # one that says nothing more for so long hangs
WEB_WATCHDOG_S = 90.0  # longer than gunicorn itself (60 s) takes to replace a process of its that hangs
PROBE_S = 10.0  # from one question to the web server to the next; until then the first may be answered
AWAY_S = 5.0  # a round of the launcher takes a fraction of a second, unless it was stopped itself
BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 60.0  # who has lived so long starts without a pause
HOPELESS = 5  # starts of the web server that never served
log = logging.getLogger("boursomatic.launcher")
refusal = logging.getLogger("boursomatic.refusal")


class CannotStart(Exception):
    """One sentence about why, and what to do."""


class ManagedProcess:
    """The web server or the worker command: a process in a group of its own, kept alive. Silent for `watchdog_s` after
    its first word, it hangs."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], watchdog_s: float) -> None:
        self.name, self.command, self.environment, self.watchdog_s = name, command, environment, watchdog_s
        self.failures = 0
        self.last_heard = self.born = 0.0
        self.has_spoken = False
        self.due = time.monotonic()
        self.fault, self.kill_at = "", 0.0  # why it was told to end, and until when it may
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        parent = os.getpid()
        self.process = subprocess.Popen(
            self.command,
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent, signal.SIGTERM),  # noqa: PLW1509  (one thread here)
        )
        self.last_heard = self.born = time.monotonic()
        self.has_spoken, self.fault = False, ""

    def hear(self) -> None:
        self.last_heard, self.has_spoken = time.monotonic(), True

    def check(self, now: float) -> None:
        """Starts it if it is due, and sees to its end if it has died or is silent too long."""
        silence = self.watchdog_s if self.has_spoken else START_S
        if self.process is None:
            if now >= self.due:
                self.start()
        elif self.process.poll() is not None:
            self._bury(now, self.fault or f"ended with code {self.process.returncode}")
        elif self.fault:
            if now > self.kill_at:
                self._bury(now, self.fault)
        elif now - self.last_heard > silence:  # it may only wait for others: what it has begun it may end
            self.fault, self.kill_at = f"was silent for {silence:.0f} s", now + STOP_S
            self.terminate()

    def _bury(self, now: float, why: str) -> None:
        self.sweep()
        self.failures = 0 if now - self.born > STEADY_S else self.failures + 1
        self.due = now + BACKOFF_S[min(self.failures, len(BACKOFF_S) - 1)]
        say(f"The {self.name} {why}; it is started again.")

    def terminate(self) -> None:
        """Asks the main process alone: it knows how to end the others."""
        if self.process is not None:
            self.process.terminate()

    def sweep(self) -> None:
        """Nothing of the group is left after this."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


class Probe:
    """Asks the web server whether it answers, and doesn't wait for it: a busy one may take its time."""

    def __init__(self, host: str, port: int) -> None:
        self.address = ({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)
        self.asked: socket.socket | None = None
        self.due = 0.0

    def ask(self, now: float) -> None:
        """If it is time: what has not been answered until then no longer counts. Where nobody listens, again at the
        next call."""
        if now < self.due:
            return
        self.close()
        with contextlib.suppress(OSError):
            self.asked = socket.create_connection(self.address, timeout=TICK_S)
            self.asked.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            self.due = now + PROBE_S

    def is_answered(self) -> bool:
        """Called when there is something to read: whether it is an answer, and no complaint of the server's own."""
        answer = b""
        if self.asked:
            with contextlib.suppress(OSError):
                answer = self.asked.recv(64)
        self.close()
        return re.match(rb"HTTP/1\.. [234]", answer) is not None

    def close(self) -> None:
        if self.asked:
            self.asked.close()
            self.asked = None


class Launcher:
    """Web and worker command together."""

    def __init__(self, host: str, port: int, *, with_workers: bool, check: SqliteCheck | None = None) -> None:
        self.address, self.check = (host, port), check
        self.probe = Probe(host, port)
        self.stopping = False
        self.workers_ready = not with_workers
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.listener.bind("")  # the kernel chooses an abstract name
        name = "@" + self.listener.getsockname()[1:].decode()
        bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        gunicorn = ["gunicorn", "-c", "python:boursomatic.serve.gunicorn", "--bind", bind, "boursomatic.wsgi:served"]
        serve = [sys.executable, "-m", *gunicorn]
        self.web = ManagedProcess("web server", serve, {"NOTIFY_SOCKET": ""}, WEB_WATCHDOG_S)
        self.processes = [self.web]
        if with_workers:
            worker = [sys.executable, "manage.py", "worker"]
            self.worker = ManagedProcess("worker command", worker, {"NOTIFY_SOCKET": name}, WATCHDOG_S)
            self.processes.append(self.worker)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)

    def _stop(self, _signal: int, _frame: object) -> None:
        self.stopping = True

    def run(self, how_to_log_in: str) -> int:
        """Exit code 0 when told to stop, 1 when the web server can't be brought to serve or the database is damaged."""
        announced, before = False, time.monotonic()
        try:
            while not self.stopping:
                now = time.monotonic()
                for managed in self.processes:
                    if now - before > AWAY_S:
                        managed.last_heard = now  # who was stopped himself has heard nobody
                    managed.check(now)
                before = now
                self.probe.ask(now)
                self._listen()
                if self.check and (found := self.check.damage(0.0)) is not None:
                    if found:
                        refusal.error("%s", damaged(self.check.path, found, "The site is stopped."))
                        return 1
                    self.check = None
                if not announced and self.workers_ready and self.web.has_spoken:
                    announced = True
                    say(f"Ready: {self._url()}  {how_to_log_in}")
                if not announced and self.web.failures >= HOPELESS:
                    refusal.error("The web server does not start; its last words are above.")
                    return 1
            say("Stopping.")
            return 0
        finally:
            self._end()

    def _listen(self) -> None:
        """Waits for a word of the worker command or the web server, but not long."""
        sockets = [self.listener, self.probe.asked] if self.probe.asked else [self.listener]
        readable, _, _ = select.select(sockets, [], [], TICK_S)
        if self.listener in readable:
            message = self.listener.recv(4096)
            self.worker.hear()
            self.workers_ready = self.workers_ready or b"READY=1" in message
        if self.probe.asked in readable and self.probe.is_answered():
            self.web.hear()

    def _url(self) -> str:
        host, port = self.address
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def _end(self) -> None:
        for managed in self.processes:
            managed.terminate()
        deadline = time.monotonic() + STOP_S
        for managed in self.processes:
            if managed.process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    managed.process.wait(max(0.0, deadline - time.monotonic()))
            managed.sweep()
        self.probe.close()
        self.listener.close()


def say(text: str) -> None:
    log.info("%s", text)


def check_port(host: str, port: int) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except PermissionError as error:
        raise CannotStart(f"Port {port} needs root. Choose one above 1023: scripts/serve --port 8000.") from error
    except socket.gaierror as error:
        raise CannotStart(f"{host!r} is not a host of this machine. Use --host 127.0.0.1 or 0.0.0.0.") from error
    except OSError as error:
        raise CannotStart(
            f"Port {port} on {host} can't be used ({error.strerror}). Stop what uses it, "
            f"or choose another: scripts/serve --port {port + 1}."
        ) from error


def check_sqlite(path: Path) -> SqliteCheck | None:
    """Raises CannotStart for a damaged file; what goes on where the check takes longer than a start may wait."""
    check = SqliteCheck(path)
    found = check.damage(CHECK_S)
    if found is None:
        say("The database is large: its check goes on while the site starts, and stops it if it finds damage.")
        return check
    if found:
        raise CannotStart(damaged(path, found, "Nothing was changed."))
    return None


def damaged(path: Path, what: str, done: str) -> str:
    return (
        f"The database {path} is damaged ({what}). {done} "
        'Restore it from a backup, as docs/reliability.md says under "A damaged database".'
    )


def check_store() -> None:
    from training.artifacts.storage import artifact_storage  # noqa: PLC0415  (its models can be imported from here on)

    try:
        artifact_storage().check()
    except StoreFailed as problem:
        raise CannotStart(str(problem)) from problem


def prepare_database() -> str:
    """Tables, static files, demo and first account; how to log in."""
    from boursomatic.serve.prepare import prepare  # noqa: PLC0415  (its models can be imported from here on)

    try:
        return prepare(say)
    except DbError as error:
        first = str(error).strip().splitlines()[0]
        if connection.vendor == "sqlite" and cannot_write(error):
            raise unwritable(settings.HOME, OSError(errno.EIO, first)) from error
        refused = f"The database can't be used: {first}. See docs/reliability.md."
        raise CannotStart(unreachable(error) or refused) from error
    except OSError as error:
        raise unwritable(settings.HOME, error) from error
    finally:
        connection.close()


def start(host: str, port: int) -> tuple[Launcher, str]:
    """Everything that may fail before anything runs."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "boursomatic.settings")
    django.setup()
    take_home(settings.HOME)
    check_port(host, port)
    is_sqlite = connection.vendor == "sqlite"
    check = check_sqlite(Path(connection.settings_dict["NAME"])) if is_sqlite else None
    if weakness := secret_weakness(settings.SECRET_KEY):
        say(f"Warning: SECRET_KEY {weakness}; who guesses it can log in as anybody.")
    check_store()
    how_to_log_in = prepare_database()
    if settings.WORKERS == 0:
        say("BOURSOMATIC_WORKERS is 0: web only.")
    say("Starting web and workers.")
    return Launcher(host, port, with_workers=settings.WORKERS > 0, check=check), how_to_log_in


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port. Choose a number from 1 to 65535.")
    return int(text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/serve", description="Runs Boursomatic until TERM or Ctrl-C.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=8000, help="TCP port to listen on (default 8000)")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # told to stop while preparing: nothing runs yet
    try:
        launcher, how_to_log_in = start(options.host, options.port)
    except (CannotStart, BadSetting) as problem:
        refusal.error("%s", problem)
        return 1
    return launcher.run(how_to_log_in)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
