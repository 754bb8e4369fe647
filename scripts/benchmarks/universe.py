"""Universes from files to models, each step beside its yardstick in one run: time as ratios, memory, growth.

script     265 stocks, from a file to a stored, trained, judged model, beside a pandas and LightGBM script that stores
           and judges nothing; with --qlib beside Qlib's Alpha158 workflow too, in an environment of its own
features   all features from bars in memory, beside the same windows by pandas groupby
load       a million bars, and with features, from the columnar cache, beside the bare COPY of the tables
fits       a whole `phase22` run of a million bars, beside its bare fits on all cores
busy       `phase22` of 0.3M bars while all cores are busy, beside the same with one thread
growth     time and memory of both recipes from 0.3M bars on; --large: 3M on a worker, 12.5M by command
recommend  a day's recommendations of 5,000 instruments, by both recipes

On a throw-away PostgreSQL, but for `script`. Without --part: all of them.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.benchmarks import universe_steps, universe_whole
from scripts.benchmarks.measured import run_measured
from scripts.benchmarks.site import environment
from scripts.benchmarks.universe_files import fill_site, write_universe

PARTS = ("script", "features", "load", "fits", "busy", "growth", "recommend")
MILLION, SMALL, THREE_MILLION, LARGE = 800, 240, 2_400, 10_000  # instruments, of 1,250 bars each
STOCKS, DAYS = 265, 1_259


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/bench universe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", action="append", choices=PARTS, help="only this; may be repeated")
    parser.add_argument("--data", type=Path, help="of `script`: a file of daily bars of many instruments")
    parser.add_argument("--qlib", action="store_true", help="of `script`: beside Qlib, which is installed for it")
    parser.add_argument(
        "--recipe",
        action="append",
        choices=universe_whole.RECIPES,
        help="of `growth`: only this (3M bars of phase22: minutes)",
    )
    parser.add_argument("--large", action="store_true", help="of `growth`: 3M bars on a worker, 12.5M by command")
    parser.add_argument("--rounds", type=int, default=2, help="of `script`, `fits`, `busy` (default: 2; best counts)")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the instruments, to try the bench out")
    parser.add_argument("--output", type=Path, default=Path("var/bench/universe.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    parts: list[str] = options.part or list(PARTS)
    result: dict[str, Any] = {"data": str(options.data or "generated"), "scale": options.scale}
    with tempfile.TemporaryDirectory(prefix="boursomatic-bench-") as name:
        folder = Path(name)
        if "script" in parts:
            result["script"] = _script(folder, options)
        if "recommend" in parts:
            result["recommend"] = _recommend(folder, options.scale)
        if {"features", "load", "fits", "busy", "growth"} & set(parts):
            result |= _on_postgresql(folder, parts, options)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1))
    return 0


def _script(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    file = options.data or folder / "universe.csv"
    if options.data is None:
        write_universe(file, instruments=_scaled(STOCKS, options.scale), bars=DAYS)
    return universe_whole.from_files(file, folder, rounds=options.rounds, with_qlib=options.qlib)


def _recommend(folder: Path, scale: float) -> Any:
    output = folder / "recommend.json"
    sizes = ["--instruments", str(_scaled(5_000, scale)), "--rows", "0", "--rounds", "3", "--output", str(output)]
    env = universe_whole.unthreaded(os.environ)
    done = run_measured(
        [sys.executable, "-m", "scripts.benchmarks", "recommend", *sizes], env, folder / "recommend.log"
    )
    print(done.output, end="")
    return json.loads(output.read_text())


def _on_postgresql(folder: Path, parts: list[str], options: argparse.Namespace) -> dict[str, Any]:
    from tests.postgres import server  # noqa: PLC0415 - needs PostgreSQL's binaries, which --help does not

    with server() as postgres:
        env = universe_whole.unthreaded(environment(folder / "home", DATABASE_URL=postgres.url()))
        os.environ.update(env)
        import django  # noqa: PLC0415 - settings are read from the environment just set

        django.setup()
        return _steps(env, folder, parts, options)


def _steps(env: dict[str, str], folder: Path, parts: list[str], options: argparse.Namespace) -> dict[str, Any]:
    def filled(instruments: int) -> tuple[str, int]:
        """The universe of so many instruments, all that there are, and its bars."""
        return fill_site(instruments=_scaled(instruments, options.scale))

    rounds = options.rounds
    result: dict[str, Any] = {}
    small, million = filled(SMALL), filled(MILLION)
    if "features" in parts:
        result |= universe_steps.features()
    if "load" in parts:
        result |= universe_steps.load()
    if "fits" in parts:
        result |= universe_whole.beside_fits(env, folder, million[0], rounds=rounds)
    if "busy" in parts:
        result |= universe_whole.beside_busy_cores(env, folder, small[0], rounds=rounds)
    if "growth" in parts:
        result |= universe_whole.growth(
            env, folder, dict([small, million, filled(THREE_MILLION)]), options.recipe or list(universe_whole.RECIPES)
        )
        if options.large:
            result |= universe_whole.on_worker(env, folder, filled(THREE_MILLION)[0])
            result |= universe_whole.large(env, folder, filled(LARGE)[0])
    return result


def _scaled(instruments: int, scale: float) -> int:
    return max(20, round(instruments * scale))
