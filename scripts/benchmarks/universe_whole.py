"""Whole universe runs as processes of their own, by the commands that people use: time and memory, each beside its
yardstick."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmarks import universe_qlib
from scripts.benchmarks.measured import Measured, manage_measured, row, run_measured
from scripts.benchmarks.site import ROOT, environment, manage

Env = Mapping[str, str]
PHASE22 = ("--recipe", "phase22", "--no-confirm")
HONEST = ("--recipe", "honest")  # with its ten-fold walk
RECIPES = {"honest": (*HONEST, "--no-confirm"), "phase22": PHASE22}


def unthreaded(env: Env) -> dict[str, str]:
    """Nothing said about threads: each process decides for itself."""
    return {name: value for name, value in env.items() if not name.startswith(("OMP_", "GOMP_"))}


def train(env: Env, folder: Path, universe: str, *options: str) -> Measured:
    return manage_measured(env, folder / "train.log", "train", "--universe", universe, *options, "--json")


def from_files(file: Path, folder: Path, *, rounds: int, with_qlib: bool) -> dict[str, Any]:
    """From a file to a stored, trained, judged model, beside a script that stores and judges nothing, and beside Qlib.
    On SQLite, so that all the memory is the process's own."""
    qlib = _Qlib(file, folder) if with_qlib else None
    times: dict[str, list[Measured]] = {}
    for number in range(rounds):
        script = [sys.executable, "-m", "scripts.benchmarks.universe_script", str(file.resolve())]
        measures = {
            "script": run_measured(script, unthreaded(os.environ), folder / "script.log"),
            "phase22": _from_file(file, folder / f"phase22-{number}", *PHASE22),
            "honest": _from_file(file, folder / f"honest-{number}", *HONEST),
            **(qlib.run(number) if qlib else {}),
        }
        for name, measured in measures.items():
            times.setdefault(name, []).append(measured)
    best = {name: min(all_, key=lambda one: one.seconds) for name, all_ in times.items()}
    _tell_files(best)
    return {name: one.as_dict() for name, one in best.items()}


def _tell_files(best: Mapping[str, Measured]) -> None:
    aims = {("phase22", "script"): "1.2", ("honest", "script"): "0.6"}
    aims |= {("phase22", "qlib"): "0.3, 0.35", ("honest", "qlib"): "0.3, 0.35"}
    for beside in ("script", "qlib"):
        if beside not in best:
            continue
        yardstick = best[beside]
        row(f"files to model, {beside}", yardstick.seconds, f"{yardstick.gib:.2f} GiB")
        for name in ("phase22", "honest"):
            time, memory = best[name].seconds / yardstick.seconds, best[name].gib / yardstick.gib
            row(
                f"files to model, {name}",
                best[name].seconds,
                f"{time:.2f} x, {memory:.2f} x memory",
                aims[name, beside],
            )


def _from_file(file: Path, folder: Path, *options: str) -> Measured:
    folder.mkdir()
    env = unthreaded(environment(folder, DATABASE_URL=""))
    manage(env, "migrate", "--verbosity", "0")
    log = folder / "import.log"
    stored = manage_measured(env, log, "import_bars", str(file.resolve()), "--on-bad", "skip", "--json")
    both = stored.then(train(env, folder, "all", *options))
    shutil.rmtree(folder)
    return both


class _Qlib:
    """Qlib's own environment; without it a bench goes on without Qlib, and says why."""

    def __init__(self, file: Path, folder: Path) -> None:
        self._file, self._folder = file, folder
        self._python: Path | None = None
        try:
            self._python = universe_qlib.environment(Path("var/bench/qlib").resolve())
        except universe_qlib.NoQlib as reason:
            print(f"Without Qlib, whose environment can't be made here: {reason}")

    def run(self, number: int) -> dict[str, Measured]:
        if self._python is None:
            return {}
        bars, log = self._folder / f"qlib-{number}", self._folder / "qlib.log"
        whole = universe_qlib.dumped(self._python, self._file, bars, log)
        whole = whole.then(universe_qlib.trained(self._python, bars, log))
        shutil.rmtree(bars)
        return {"qlib": whole}


def beside_fits(env: Env, folder: Path, universe: str, *, rounds: int) -> dict[str, float]:
    """A whole `phase22` run, bars from the cache, beside its bare fits on all cores."""
    script = [sys.executable, "-m", "scripts.benchmarks.universe_fits", universe]
    all_cores = {**unthreaded(env), "OMP_NUM_THREADS": str(os.cpu_count())}
    fits, whole = [], []
    for _ in range(rounds):
        fits.append(_said_seconds(run_measured(script, all_cores, folder / "fits.log")))
        whole.append(_on_threads(os.cpu_count() or 1, env, folder, universe))
    row("phase22, bare fits on all cores", min(fits))
    row("phase22, whole", min(whole), f"{min(whole) / min(fits):.2f} x the bare fits", "1.2")
    return {"fits": min(fits), "fits_whole": min(whole), "fits_ratio": min(whole) / min(fits)}


def beside_busy_cores(env: Env, folder: Path, universe: str, *, rounds: int) -> dict[str, float]:
    """A `phase22` run on as many threads as there are cores while every core is busy, beside the same on one thread."""
    ours, alone = [], []
    with _busy_cores():
        for _ in range(rounds):
            alone.append(_on_threads(1, env, folder, universe))
            ours.append(_on_threads(os.cpu_count() or 1, env, folder, universe))
    ratio = min(ours) / min(alone)
    row("phase22 beside busy cores, one thread", min(alone))
    row("phase22 beside busy cores", min(ours), f"{ratio:.2f} x one thread", "1.2")
    return {"busy_one_thread": min(alone), "busy": min(ours), "busy_ratio": ratio}


def _on_threads(threads: int, env: Env, folder: Path, universe: str) -> float:
    script = [sys.executable, "-m", "scripts.benchmarks.universe_run", universe, str(threads)]
    return _said_seconds(run_measured(script, env, folder / "run.log"))


def _said_seconds(measured: Measured) -> float:
    return float(json.loads(measured.output.strip().splitlines()[-1])["seconds"])


@contextmanager
def _busy_cores() -> Iterator[None]:
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.wait()


def growth(env: Env, folder: Path, bars: Mapping[str, int], recipes: Sequence[str]) -> dict[str, Any]:
    """These recipes over universes of ever more bars: the exponents of time and memory. `bars` by universe."""
    measures: dict[str, Any] = {}
    for name in recipes:
        options = RECIPES[name]
        steps = [train(env, folder, universe, *options) for universe in bars]
        for count, step in zip(bars.values(), steps, strict=True):
            row(f"{name}, {count:,} bars", step.seconds, f"{step.gib:.2f} GiB")
        time, memory = (
            _exponent(list(bars.values()), [getattr(s, what) for s in steps]) for what in ("seconds", "gib")
        )
        print(f"{name}: time ~ n^{time:.2f}, memory ~ n^{memory:.2f}   (aim: 1.05)")
        measures[name] = {"time": time, "memory": memory, "steps": [step.as_dict() for step in steps]}
    return {"growth": measures, "growth_bars": list(bars.values())}


def _exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def on_worker(env: Env, folder: Path, universe: str) -> dict[str, Any]:
    """A run handed to a worker, whose children have a memory limit: how it ended."""
    command = [sys.executable, "manage.py", "worker"]
    worker = subprocess.Popen(command, cwd=ROOT, env=dict(env), stdout=subprocess.DEVNULL)
    try:
        measured = run_measured(
            [sys.executable, "-m", "scripts.benchmarks.universe_submit", universe], env, folder / "worker.log"
        )
    finally:
        worker.terminate()
        worker.wait()
    status = measured.output.strip().splitlines()[-1]
    row("phase22 on a worker", measured.seconds, status)
    return {"worker": {"seconds": measured.seconds, "status": status}}


def large(env: Env, folder: Path, universe: str) -> dict[str, Any]:
    """`honest` by command, without its walk."""
    done = train(env, folder, universe, *RECIPES["honest"])
    row("honest, large, by command", done.seconds, f"{done.gib:.2f} GiB", "3 GiB")
    return {"large": done.as_dict()}
