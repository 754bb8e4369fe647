"""Chunks of a sweep on a Dask cluster, beside the same on the site's own workers.

(a) a chunk of some seconds worked out here; the same handed over: hashed, connected, sent, worked out, its cells back.
    Wall clock, and CPU time of all that take part, which other work on the machine disturbs less. And what handing over
    alone takes of this process
(b) a sweep of some 750 cells, POST to its end, on a site whose three workers hand chunks to the cluster, beside a site
    of two workers

A scheduler and two workers on loopback over TLS, as docs/deploy starts them. By turns, medians.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from scripts.benchmarks.bars import write_walk
from scripts.benchmarks.hosts import SWEEP, SYMBOL
from scripts.benchmarks.measured import timed
from scripts.benchmarks.site import Site, environment, running_site


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench cluster", description=__doc__)
    parser.add_argument("--cells", type=int, default=150, help="of the chunk (default: 150)")
    parser.add_argument("--rounds", type=int, default=7, help="times a is measured (default: 7)")
    parser.add_argument("--sweeps", type=int, default=3, help="times b is measured (default: 3)")
    parser.add_argument("--output", type=Path, default=Path("var/bench/cluster.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="boursomatic-bench-") as folder:
        os.environ.update(environment(Path(folder) / "home", DATABASE_URL=""))
        import django  # noqa: PLC0415 - settings are read from that environment

        django.setup()
        from tests.dask_cluster import cluster_in  # noqa: PLC0415 - needs django.setup

        with cluster_in(Path(folder)) as cluster:
            result = _chunks(cluster, options.cells, options.rounds) if options.rounds else {}
            if options.sweeps:
                result |= _sweeps(Path(folder), cluster, options.sweeps)
    _report(result)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1))
    return 0


def _report(result: dict[str, float]) -> None:
    for what in ("cpu", "wall", "sweep"):
        if f"here_{what}_s" in result:
            here, there = result[f"here_{what}_s"], result[f"there_{what}_s"]
            ratio = f"{there / here:.2f} x (aim: at most 1.1)"
            print(f"{what:<5} here {here:6.2f} s   on the cluster {there:6.2f} s   {ratio}")
    if "hand_over_cpu_s" in result:
        print(f"of it to hand over {result['hand_over_cpu_s'] * 1000:.0f} ms of CPU")


def _chunks(cluster: Any, cells: int, rounds: int) -> dict[str, float]:
    """(a)."""
    from django.test import override_settings  # noqa: PLC0415 - these need django.setup

    from training.worker.executors.cluster import work_out_there  # noqa: PLC0415

    chunk = _chunk(cells)
    times: dict[str, list[float]] = {}
    with cluster.client() as client, override_settings(**cluster.django_settings):

        def here() -> None:
            list(chunk.work_out())

        def there() -> None:
            list(work_out_there(chunk, key=f"bench-{uuid4()}", tell=lambda text: None))

        def cpu_there() -> float:
            workers: dict[str, float] = client.run(time.process_time)
            return sum(workers.values()) + float(client.run_on_scheduler(time.process_time))

        for warm in (here, there, there):  # each Dask worker loads the code with its first chunk
            warm()
        for _ in range(rounds):
            _note(times, "here", here, time.process_time)
            before = time.process_time()
            _note(times, "there", there, lambda: cpu_there() + time.process_time())
            times.setdefault("hand_over_cpu_s", []).append(time.process_time() - before)
    return {name: median(values) for name, values in times.items()}


def _sweeps(folder: Path, cluster: Any, rounds: int) -> dict[str, float]:
    """(b)."""
    data = folder / "walk.csv"
    times: dict[str, list[float]] = {"here": [], "there": []}
    write_walk(data, rows=5000, seed=1)
    with (
        running_site(data, SYMBOL, DATABASE_URL="", BOURSOMATIC_WORKERS="2") as here,
        running_site(data, SYMBOL, DATABASE_URL="", BOURSOMATIC_WORKERS="3", **cluster.settings) as there,
    ):
        sites = {"here": here, "there": there}
        for site in sites.values():
            _sweep(site)  # warm
        for _ in range(rounds):
            for name, site in sites.items():
                times[name].append(timed(partial(_sweep, site)))
    return {f"{name}_sweep_s": median(values) for name, values in times.items()}


def _sweep(site: Site) -> None:
    name = site.ask("POST", "/api/training/sweeps", {**SWEEP, "symbol": SYMBOL})["sweep_id"]
    while (sweep := site.ask("GET", f"/api/training/runs/{name}"))["status"] in ("queued", "running"):
        time.sleep(0.05)
    if sweep["status"] != "completed":
        raise SystemExit(f"sweep {name} ended {sweep['status']}")


def _note(times: dict[str, list[float]], name: str, work: Callable[[], None], cpu: Callable[[], float]) -> None:
    cpu_before, start = cpu(), time.monotonic()
    work()
    wall = time.monotonic() - start
    times.setdefault(f"{name}_wall_s", []).append(wall)
    times.setdefault(f"{name}_cpu_s", []).append(cpu() - cpu_before)


def _chunk(cells: int) -> Any:
    """Of twenty years of daily bars, one to three of which each cell is trained on."""
    from tests.training.quant.noise import noise_bars  # noqa: PLC0415 - these need django.setup
    from training.quant.candle.plan import NO_STALE  # noqa: PLC0415
    from training.quant.candle.spec import CandleSpec, format_time  # noqa: PLC0415
    from training.quant.search.train_cell import cells_chunk  # noqa: PLC0415

    bars = noise_bars(5000)
    moments = [format_time(datetime.fromtimestamp(int(bars.time[1500 + 7 * cell]), tz=UTC)) for cell in range(cells)]
    specs = [CandleSpec(candle=moment, symbol="BENCH", train_years=1.0 + n % 3) for n, moment in enumerate(moments)]
    return cells_chunk(bars, specs, stale_time=NO_STALE)
