"""A throw-away PostgreSQL from the binaries on this machine, for tests: no network, no fsync, gone at the end.

    python -m tests.postgres COMMAND [ARGUMENTS]

runs COMMAND with DATABASE_URL naming such a server.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg2

HOW_TO_GET = "PostgreSQL's server is missing. On Debian or Ubuntu: apt-get install postgresql."
_PR_SET_PDEATHSIG = 1
_START_S = 300.0


def find_binaries() -> Path | None:
    """The newest folder that holds initdb and postgres; Debian keeps them off the PATH."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: [int(p) for p in path.parts[-2].split(".")]
    )
    on_path = shutil.which("initdb")
    folders = [*([Path(on_path).resolve().parent] if on_path else []), *folders]
    sound = [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]
    return sound[-1] if sound else None


def _unprivileged() -> str | None:
    """Whom to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class Server:
    """One server in a temporary folder, reached over a unix socket in it, and at the addresses `listen`.

    `durable`: what was committed survives a crash of the server (a crash of the machine it never survives).
    """

    def __init__(self, *, durable: bool = False, listen: str = "") -> None:
        self._durable = durable
        self._listen = listen
        binaries = find_binaries()
        if binaries is None:
            raise RuntimeError(HOW_TO_GET)
        self._binaries = binaries
        self._user = _unprivileged()
        self.folder = Path(tempfile.mkdtemp(prefix="boursomatic-pg-"))
        if self._user:
            shutil.chown(self.folder, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "boursomatic", "-A", "trust", "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync")  # fmt: skip

    def url(self, name: str = "postgres") -> str:
        return f"postgres://boursomatic@{quote(str(self.folder), safe='')}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments], user=self._user, cwd="/", capture_output=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stderr.decode(errors='replace')}")

    def start(self) -> None:
        libc = ctypes.CDLL(None)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.folder / "data", "-k", self.folder,
                 "-c", f"listen_addresses={self._listen}", "-c", "fsync=off", "-c", "full_page_writes=off",
                 "-c", f"synchronous_commit={'on' if self._durable else 'off'}", "-c", "max_connections=200"],
                user=self._user, cwd="/", stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                preexec_fn=lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT),  # noqa: PLW1509  (no thread yet)
            )  # fmt: skip
        deadline = time.monotonic() + _START_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text(errors='replace')}")
            time.sleep(0.05)

    def _ready(self) -> bool:
        asked = [self._binaries / "pg_isready", "-q", "-h", self.folder, "-d", "postgres", "-U", "boursomatic"]
        return subprocess.run(asked, check=False, cwd="/").returncode == 0

    def require_password(self, password: str) -> str:
        """From now on nobody connects without it; the address of the database `postgres` with it."""
        with closing(psycopg2.connect(self.url())) as connection, connection, connection.cursor() as cursor:
            cursor.execute("ALTER ROLE boursomatic PASSWORD %s", [password])
            (self.folder / "data" / "pg_hba.conf").write_text("local all all scram-sha-256\n")
            cursor.execute("SELECT pg_reload_conf()")
        return self.url().replace("boursomatic@", f"boursomatic:{quote(password, safe='')}@")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: fast, clean; SIGQUIT: immediate, as a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=_START_S)
            self._process = None

    def remove(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def server(*, durable: bool = False, listen: str = "") -> Iterator[Server]:
    made = Server(durable=durable, listen=listen)
    try:
        made.start()
        yield made
    finally:
        made.remove()


def main(command: list[str]) -> int:
    try:
        with server() as made:
            return subprocess.run(command, env={**os.environ, "DATABASE_URL": made.url()}, check=False).returncode
    except RuntimeError as problem:
        print(problem, file=sys.stderr)  # noqa: T201
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
