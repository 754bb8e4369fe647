"""Whole processes and single actions, measured: seconds, and the most memory that a process held."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmarks.site import ROOT


@dataclass(frozen=True)
class Measured:
    """`gib` is the largest resident size of the process and of any that it has waited for."""

    seconds: float
    gib: float
    output: str

    def then(self, other: "Measured") -> "Measured":
        """One after the other."""
        return Measured(self.seconds + other.seconds, max(self.gib, other.gib), self.output + other.output)

    def as_dict(self) -> dict[str, float]:
        return {"seconds": self.seconds, "gib": self.gib}


class ProcessFailed(Exception):
    """It ended with an error; the text is the end of what it said."""


def run_measured(command: Sequence[str | Path], env: Mapping[str, str], log: Path) -> Measured:
    """`command` from its start to its end, in the project's folder, by `wait4`. What it writes goes to `log`."""
    start = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=dict(env), stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    output = log.read_text(errors="replace")
    if process.returncode:
        raise ProcessFailed(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{output[-2000:]}")
    return Measured(seconds, usage.ru_maxrss / 2**20, output)


def manage_measured(env: Mapping[str, str], log: Path, *arguments: str) -> Measured:
    """A management command."""
    return run_measured([sys.executable, "manage.py", *arguments], env, log)


def timed(action: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def best_in_turn(*actions: Callable[[], object], rounds: int = 5) -> list[float]:
    """The least seconds of each, taken in turn: the machine's own speed moves while it is measured."""
    times = [[timed(action) for action in actions] for _ in range(rounds)]
    return [min(column) for column in zip(*times, strict=True)]


def row(name: str, seconds: float, ratio: str = "", aim: str = "") -> None:
    """A line of what a bench prints."""
    print(f"{name:<38}{seconds:>9.2f} s   {ratio:<34}{f'(aim: {aim})' if aim else ''}".rstrip(), flush=True)
