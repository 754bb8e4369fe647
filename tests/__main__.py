"""The whole suite, nothing skipped: `python -m tests`. With `--quick`: on SQLite, without what is slow or starts
processes. scripts/test calls it.

One part more at a time than there are cores, those with processes of their own first: they mostly wait. What they start
has to keep its leases meanwhile, so the others, which need a processor all the time, stand behind it.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import IO

ON_SQLITE = (sys.executable, "-m", "pytest")
ON_POSTGRESQL = (sys.executable, "-m", "tests.postgres", *ON_SQLITE)
BEHIND = ("nice", "-n", "5")
QUICK = "not processes and not slow"
TICK_S = 0.1


@dataclass
class Part:
    """One run of pytest. What it prints is shown when it has ended."""

    name: str
    command: tuple[str, ...]
    tests: str  # the expression of pytest's -m
    workers: int = 1
    output: IO[bytes] = field(default_factory=tempfile.TemporaryFile)

    def start(self) -> None:
        spread = ("-n", str(self.workers), "--dist", "loadfile", "--no-loadscope-reorder") if self.workers > 1 else ()
        command = [*self.command, "-m", self.tests, *spread]
        # A group of its own can be stopped as a whole; a session of its own would be nice to nobody.
        self.process = subprocess.Popen(command, stdout=self.output, stderr=subprocess.STDOUT, process_group=0)

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()

    def show(self) -> None:
        self.output.seek(0)
        _say(f"{self.name}:\n{self.output.read().decode(errors='replace').rstrip()}")


def everything(cores: int) -> list[Part]:
    half = max(1, cores // 2)
    return [
        Part("tests with processes, on SQLite", ON_SQLITE, "processes and not browser and not root"),
        Part("tests in a browser, on SQLite", ON_SQLITE, "browser"),
        Part("tests with processes, on PostgreSQL", ON_POSTGRESQL, "db_both and processes"),
        *([Part("docs/deploy in a clean Debian", ON_SQLITE, "root")] if roots_may_be_made() else []),
        Part("all other tests, on SQLite", (*BEHIND, *ON_SQLITE), "not processes", half),
        Part("their database part, on PostgreSQL", (*BEHIND, *ON_POSTGRESQL), "db_both and not processes", half),
    ]


def roots_may_be_made() -> bool:
    """By root, with debootstrap, where the kernel allows namespaces: not in every container."""
    tried = ["unshare", "--mount", "--pid", "--net", "--fork", "debootstrap", "--version"]
    try:
        return os.geteuid() == 0 and subprocess.run(tried, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def run(parts: list[Part], at_once: int = 1) -> int:
    """0, or the exit code of the first part that failed. Each part runs to its end."""
    failed = 0
    waiting, running = list(parts), list[Part]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(waiting.pop(0))
                running[-1].start()
            for part in [part for part in running if part.process.poll() is not None]:
                running.remove(part)
                part.show()
                failed = failed or part.process.returncode
            time.sleep(TICK_S)
    finally:
        for part in running:
            part.stop()
    return failed


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    os.environ["DATABASE_URL"] = ""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or each of the many processes compiles all modules again
    cores = os.cpu_count() or 1
    if arguments == ["--quick"]:
        _say("The quick tests, on SQLite. Left out: those marked slow or processes, and PostgreSQL.")
        return run([Part("quick tests", ON_SQLITE, QUICK, cores)])
    _say("All tests, on SQLite and PostgreSQL; each part says what it found when it has ended.")
    if not roots_may_be_made():
        _say("Left out: docs/deploy in a clean Debian, which takes root, debootstrap and mounts.")
    return run(everything(cores), at_once=cores + 1)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
