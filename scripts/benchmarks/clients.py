"""Eight clients on a run's page beside one, over HTTP: what a second core and further threads are worth.

Each client keeps its connection and asks again as soon as it is answered. Rounds with one and with eight alternate, so
that a change of the machine's speed meets both; the best round of each counts.
"""

import argparse
import http.client
import json
import os
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from scripts.benchmarks.bars import write_walk
from scripts.benchmarks.site import Site, running_site

SYMBOL = "BENCH"
MANY = 8
ROUND_S = 3.0
WARM_UP = 20  # requests: each thread of each process has been asked


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench clients", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="times each is measured (default: 7)")
    parser.add_argument("--output", type=Path, default=Path("var/bench/clients.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "walk.csv"
        write_walk(data, rows=5_000, seed=1)
        with running_site(data, SYMBOL) as site:
            rates = _measure(site, options.rounds)
    one, many = max(rates["one"]), max(rates["many"])
    pairs = [b / a for a, b in zip(rates["one"], rates["many"], strict=True)]
    print(f"{'one client':<16}{one:>8.1f} requests/s")
    print(f"{f'{MANY} clients':<16}{many:>8.1f} requests/s{many / one:>8.2f} x   (aim: 1.8)")
    print(f"{'of a pair':<16}{median(pairs):>8.2f} x in the median, {min(pairs):.2f} to {max(pairs):.2f}")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(rates, indent=1))
    return 0


def _measure(site: Site, rounds: int) -> dict[str, list[float]]:
    """Requests a second, round by round."""
    cookie = _logged_in(site)
    page = f"/runs/{_completed(site)}/"
    _rate(site, page, cookie, clients=MANY, requests=WARM_UP)
    rates: dict[str, list[float]] = {"one": [], "many": []}
    for _ in range(rounds):
        rates["one"].append(_rate(site, page, cookie, clients=1))
        rates["many"].append(_rate(site, page, cookie, clients=MANY))
    return rates


def _logged_in(site: Site) -> str:
    """The cookie of the first account's session."""
    os.environ.update(site.environment)
    import django  # noqa: PLC0415 - settings are read from the environment of the site

    django.setup()
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    browser = Client()
    browser.force_login(User.objects.get(), backend="django.contrib.auth.backends.ModelBackend")
    return "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())


def _completed(site: Site) -> str:
    """A candle run that has ended, with its confirmation."""
    body = {"candle_date": "2015-06-12", "symbol": SYMBOL}
    run_id: str = site.ask("POST", "/api/training/run-poc", body)["run_id"]
    while any(run["status"] in ("queued", "running") for run in site.ask("GET", "/api/training/runs")):
        time.sleep(0.2)
    return run_id


def _rate(site: Site, path: str, cookie: str, *, clients: int, requests: int = 0) -> float:
    """Requests a second of so many clients, for a round, or until each has had so many."""
    counts: list[int] = []
    began = time.perf_counter()

    def ask() -> None:
        connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=60)
        count = 0
        while count < requests if requests else time.perf_counter() - began < ROUND_S:
            connection.request("GET", path, headers={"Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            count += 1
        connection.close()
        counts.append(count)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began)
