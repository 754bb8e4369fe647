"""Runs under SIGKILL: what random kills of every process cost, on SQLite and on PostgreSQL.

Starts the real launcher with two workers and a heartbeat of 2 s, queues runs of candles and universes, walks with their
folds among them, and kills processes of the web server, the workers and PostgreSQL at random moments; a killed launcher
is started again. Then counts: lost (a run without a true end, a universe run without its walk, a walk without one of
its folds), doubled (a run with two results or two walks, a trial's number given twice), stuck (still not over), torn (a
model whose files are missing or changed), orphans (processes left behind), folders (of no model, after the sweeper has
been there), and late (a run of a killed process that took longer than two heartbeats and the workers' own start to be
queued again or ended). Exit code 1 where any of these is not 0.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.benchmarks.bars import write_walk
from scripts.benchmarks.site import ROOT, environment, manage
from tests import postgres

DATABASES = ("sqlite", "postgres")
NAMES, BARS = 10, 380  # of the universe: enough for a walk of three folds
ZEROS = ("lost", "doubled", "stuck", "torn", "orphans", "folders", "late")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench faults", description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="runs queued at least (default: 500)")
    parser.add_argument("--kills", type=int, default=200, help="SIGKILLs sent (default: 200)")
    parser.add_argument("--on", choices=DATABASES, action="append", help="which database (default: both)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and the victims (default: 1)")
    parser.add_argument("--output", type=Path, default=Path("var/bench/faults.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    results = {name: _trial(name, options) for name in options.on or DATABASES}
    _report(results)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(results, indent=1))
    return int(any(result[name] for result in results.values() for name in ZEROS))


def _trial(database: str, options: argparse.Namespace) -> dict[str, Any]:
    """In a process of its own: Django knows one database."""
    with tempfile.TemporaryDirectory(prefix="boursomatic-faults-") as folder, _database(database) as url:
        env = environment(
            Path(folder), DATABASE_URL=url, BOURSOMATIC_HEARTBEAT_S="2", BOURSOMATIC_WORKERS="2",
            BOURSOMATIC_MAX_QUEUED="100000", BOURSOMATIC_MAX_ACTIVE_PER_USER="10000",
        )  # fmt: skip
        write_walk(Path(folder) / "walk.csv", rows=5000, seed=1)
        manage(env, "migrate", "--verbosity", "0")
        manage(env, "import_bars", str(Path(folder) / "walk.csv"), "--symbol", "BENCH", "--json")
        few = [Path(folder) / f"FEW{number}.csv" for number in range(NAMES)]
        for number, path in enumerate(few):
            write_walk(path, rows=BARS, seed=2 + number)
        manage(env, "import_bars", *map(str, few), "--universe", "few", "--json")
        numbers = (str(options.runs), str(options.kills), str(options.seed))
        trial = [sys.executable, "-m", "scripts.benchmarks.fault_trial", *numbers, f"{folder}/result.json"]
        if subprocess.run(trial, cwd=ROOT, env=env, check=False).returncode:
            raise SystemExit(f"The trial on {database} broke off; its last words are above.")
        result: dict[str, Any] = json.loads((Path(folder) / "result.json").read_text())
        return result


@contextlib.contextmanager
def _database(name: str) -> Iterator[str]:
    if name == "sqlite":
        yield ""
    else:
        with postgres.server(durable=True) as server:
            yield server.url()


def _report(results: dict[str, dict[str, Any]]) -> None:
    kinds = sorted({kind for result in results.values() for kind in result["kills"]})
    print(f"{'':<34}" + "".join(f"{name:>12}" for name in results))

    def row(words: str, cells: list[Any]) -> None:
        print(f"{words:<34}" + "".join(f"{cell:>12}" for cell in cells))

    def field(name: str, words: str = "") -> None:
        row(words or name, [result[name] for result in results.values()])

    field("runs")
    field("scheduled", "  of these made by schedules")
    field("of_universes", "  of these of universes")
    field("folds", "  of these folds of walks")
    for kind in kinds:
        row(f"killed {kind}", [result["kills"].get(kind, 0) for result in results.values()])
    field("hit", "runs whose process was killed")
    for status in ("completed", "failed", "cancelled"):
        row(f"ended {status}", [result["ended"].get(status, 0) for result in results.values()])
    field("gave_up", "failed after three attempts")
    field("with_walk", "folds cancelled with their walk")
    for name in ZEROS:
        field(name)
    field("swept", "folders left to the sweeper")
    field("slowest_s", "slowest recovery (s)")
    field("start_s", "slowest start of the workers (s)")
    field("seconds", "took (s)")


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
