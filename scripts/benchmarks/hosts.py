"""Files on S3 beside files on disk, and two hosts beside two bare processes.

(a) a candle run, POST to its end, on a site with its files on S3 (moto on loopback) beside one on disk: by turns
(b) a sweep of some 750 cells on two hosts of one worker each, POST to its end, beside two bare processes that make its
    fits alone, and two that make its cells, judged too: by turns. The hosts have homes and names of their own, one
    PostgreSQL and S3, and share no folder

Medians. Needs the packages of requirements-dev.txt: python3 scripts/setup.py test true.
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks import search_site
from scripts.benchmarks.bars import write_walk
from scripts.benchmarks.measured import timed
from scripts.benchmarks.site import ROOT, Site, running_site

SYMBOL = "BENCH"
KEY = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-only", "AWS_EC2_METADATA_DISABLED": "true"}
MOTO = "import sys; from moto.server import main; main(sys.argv[1:])"
SWEEP = {**search_site.SWEEP, "every": 8}
WAIT_S = 60


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench hosts", description=__doc__)
    parser.add_argument("--candle", default="2015-06-12", help="decision candle (default: 2015-06-12)")
    parser.add_argument("--rounds", type=int, default=20, help="times a is measured (default: 20)")
    parser.add_argument("--sweeps", type=int, default=3, help="times b is measured (default: 3)")
    parser.add_argument("--output", type=Path, default=Path("var/bench/hosts.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, _storage() as endpoint:
        data = Path(folder) / "walk.csv"
        write_walk(data, rows=5000, seed=1)
        result = _runs(data, _bucket(endpoint, "runs"), options) if options.rounds else {}
        if options.sweeps:
            result |= _sweeps(data, _bucket(endpoint, "sweeps"), options.sweeps)
    result["load"] = os.getloadavg()[0]
    _report(result)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1))
    return 0


@contextlib.contextmanager
def _storage() -> Iterator[str]:
    """Its endpoint."""
    os.environ.update(KEY)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", MOTO, "-H", "127.0.0.1", "-p", str(port)]
    service = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        service.kill()
        service.wait()


def _bucket(endpoint: str, name: str) -> str:
    """A new one, as BOURSOMATIC_ARTIFACTS has it."""
    import boto3  # noqa: PLC0415 - of requirements-dev.txt, which --help does not need

    client = boto3.session.Session().client("s3", endpoint_url=endpoint)
    _await(lambda: _answers(client))
    client.create_bucket(Bucket=name)
    return f"s3://{name}/models?endpoint={endpoint}"


def _answers(client: Any) -> bool:
    with contextlib.suppress(Exception):
        return bool(client.list_buckets())
    return False


def _runs(data: Path, bucket: str, options: argparse.Namespace) -> dict[str, Any]:
    """(a): each of the two sites is asked the same, first one and then the other."""
    own = {"DATABASE_URL": "", "BOURSOMATIC_WORKERS": "1"}
    body = {"candle_date": options.candle, "symbol": SYMBOL, "confirm": False}
    times: dict[str, list[float]] = {"disk": [], "s3": []}
    hashes = set()
    with (
        running_site(data, SYMBOL, **own) as disk,
        running_site(data, SYMBOL, **own, BOURSOMATIC_ARTIFACTS=bucket) as s3,
    ):
        sites = {"disk": disk, "s3": s3}
        hashes |= {_click(site, body)["model_hash"] for site in sites.values()}  # warm
        for _ in range(options.rounds):
            for name, site in sites.items():
                start = time.perf_counter()
                hashes.add(_click(site, body)["model_hash"])
                times[name].append(time.perf_counter() - start)
    more = [s3 - disk for disk, s3 in zip(times["disk"], times["s3"], strict=True)]
    return {"disk_s": median(times["disk"]), "s3_s": median(times["s3"]), "more_s": median(more), "models": len(hashes)}


def _click(site: Site, body: dict[str, Any]) -> dict[str, Any]:
    """The run, once it has ended."""
    name = site.ask("POST", "/api/training/run-poc", body)["run_id"]
    run: dict[str, Any] = {"finished_at": None}
    while run["finished_at"] is None:
        time.sleep(0.005)
        run = site.ask("GET", f"/api/training/poc-runs/{name}")
    if run["status"] != "completed":
        raise SystemExit(f"run {name} ended {run['status']}: {run['error']}")
    return run


def _sweeps(data: Path, bucket: str, rounds: int) -> dict[str, Any]:
    """(b)."""
    from tests.postgres import server  # noqa: PLC0415 - needs PostgreSQL's binaries, which --help does not

    with server() as postgres, contextlib.ExitStack() as stack:
        shared = {"DATABASE_URL": postgres.url(), "BOURSOMATIC_ARTIFACTS": bucket, "BOURSOMATIC_WORKERS": "1"}
        site = stack.enter_context(running_site(data, SYMBOL, **shared, BOURSOMATIC_HOST_NAME="one"))
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="boursomatic-bench-"))
        names = {"BOURSOMATIC_HOME": home, "BOURSOMATIC_HOST_NAME": "two"}
        stack.enter_context(_worker({**site.environment, **names}))
        _await(lambda: _hosts(site) == {"one", "two"})
        os.environ.update(site.environment)
        import django  # noqa: PLC0415 - settings are read from the environment of the site

        django.setup()
        bare, bare_cells = search_site.bare_fits(SYMBOL, SWEEP), search_site.bare_cells(SYMBOL, SWEEP)
        search_site.sweep_to_its_end(site, SYMBOL, SWEEP)  # each host has made its rows
        times: dict[str, list[float]] = {"two_bare_s": [], "two_bare_cells_s": [], "two_hosts_s": []}
        for _ in range(rounds):
            times["two_bare_s"].append(timed(bare))
            times["two_bare_cells_s"].append(timed(bare_cells))
            times["two_hosts_s"].append(timed(lambda: search_site.sweep_to_its_end(site, SYMBOL, SWEEP)))
        chunks = search_site.hosts_of_chunks()
    return {**{name: median(values) for name, values in times.items()}, "chunks": chunks}


@contextlib.contextmanager
def _worker(environment: dict[str, str]) -> Iterator[None]:
    command = subprocess.Popen(
        [sys.executable, "manage.py", "worker"], cwd=ROOT, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        command.terminate()
        command.wait(30)


def _hosts(site: Site) -> set[str]:
    return {host["name"] for host in site.ask("GET", "/api/training/hosts") if host["processes"]}


def _await(condition: Any) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"Not there within {WAIT_S} s.")
        time.sleep(0.05)


def _report(result: dict[str, Any]) -> None:
    if "disk_s" in result:
        more = f"disk + {result['more_s'] * 1000:.0f} ms (aim: at most 150), {result['models']} model hash"
        print(f"{'a  a run on disk':<32}{result['disk_s'] * 1000:>8.0f} ms")
        print(f"{'   the same on S3':<32}{result['s3_s'] * 1000:>8.0f} ms   {more}")
    if "two_bare_s" in result:
        fits, cells = (result[name] / result["two_hosts_s"] for name in ("two_bare_s", "two_bare_cells_s"))
        ratio = f"{fits:.2f} of bare fits, {cells:.2f} of bare cells (aim: at least 0.9)"
        print(f"{'b  two bare processes, fits':<32}{result['two_bare_s']:>8.1f} s")
        print(f"{'   two bare processes, cells':<32}{result['two_bare_cells_s']:>8.1f} s")
        print(f"{'   a sweep on two hosts':<32}{result['two_hosts_s']:>8.1f} s    {ratio}; chunks {result['chunks']}")
    print(f"load at the end: {result['load']:.1f}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
