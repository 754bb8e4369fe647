"""200 sockets that never finish a request and 50 clients that guess passwords: how quick the site still answers.

A throw-away site on SQLite, `/healthz` asked all the time: quiet, then with the load. Half of the slow sockets never
end their header, half drip the body of a login; each guess is for a name that was not tried before. The clients share
the site's cores, so the load is theirs as well."""

import argparse
import contextlib
import http.client
import json
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from scripts.benchmarks.site import ROOT, empty_site

AIM = 5.0  # times the quiet 95th percentile
PAUSE_S = 0.02
DRIP_S = 1.0
HEADER = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
BODY = (
    b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Cookie: csrftoken=" + b"x" * 32 + b"\r\nContent-Length: 50000\r\n\r\n"
)
FOREVER_S = 3600.0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench hostile", description=__doc__)
    parser.add_argument("--slow", type=int, default=200, help="sockets that never finish (default 200)")
    parser.add_argument("--logins", type=int, default=50, help="clients that guess passwords (default 50)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement (default 20)")
    parser.add_argument("--output", type=Path, help="write the figures there as JSON")
    parser.add_argument("--load-on", help=argparse.SUPPRESS)  # the part of a load that is a process of its own
    options = parser.parse_args(arguments)
    if options.load_on:
        return _load(options.load_on, options.slow, options.logins)
    with empty_site() as url:
        address = urlsplit(url).netloc
        quiet = _answers(address, options.seconds)
        load = [sys.executable, "-m", "scripts.benchmarks", "hostile", "--load-on", address,
                "--slow", str(options.slow), "--logins", str(options.logins)]  # fmt: skip
        with subprocess.Popen(load, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as clients:
            assert clients.stdout is not None
            clients.stdout.readline()  # all are there
            loaded = _answers(address, options.seconds)
            guesses = json.loads(clients.communicate("")[0])
    outcome = {"quiet": quiet, "loaded": loaded, "ratio_p95": loaded["p95_ms"] / quiet["p95_ms"], "guesses": guesses}
    print(f"{'/healthz':<10}{'asked':>8}{'failed':>8}{'p50, ms':>10}{'p95, ms':>10}{'longest, ms':>13}")
    for name, row in (("quiet", quiet), ("loaded", loaded)):
        figures = f"{row['p50_ms']:>10.1f}{row['p95_ms']:>10.1f}{row['max_ms']:>13.0f}"
        print(f"{name:<10}{row['asked']:>8}{row['failed']:>8}{figures}")
    print(f"95th percentile: {outcome['ratio_p95']:.1f} x quiet (aim: at most {AIM:g}); guesses by status: {guesses}")
    if options.output:
        options.output.write_text(json.dumps(outcome, indent=1))
    return int(bool(loaded["failed"]) or outcome["ratio_p95"] > AIM)


def _answers(address: str, seconds: float) -> dict[str, float]:
    """Of `/healthz`, one after the other, each on a connection of its own."""
    times, failed, end = [], 0, time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.perf_counter()
        connection = http.client.HTTPConnection(address, timeout=60)
        try:
            connection.request("GET", "/healthz")
            failed += connection.getresponse().status != 200
        except OSError:
            failed += 1
        finally:
            connection.close()
        times.append(1000 * (time.perf_counter() - begun))
        time.sleep(PAUSE_S)
    times.sort()
    middle, high = times[len(times) // 2], times[int(0.95 * len(times))]
    return {"asked": len(times), "failed": failed, "p50_ms": middle, "p95_ms": high, "max_ms": times[-1]}


def _load(address: str, slow: int, logins: int) -> int:
    """Until its standard input ends; then says how many guesses were answered with which status."""
    statuses: Counter[str] = Counter()
    host, port = address.split(":")
    place = (host, int(port))
    slow_ones = [threading.Thread(target=_never_end, args=(place, number % 2), daemon=True) for number in range(slow)]
    guessing = [threading.Thread(target=_guess, args=(address, statuses), daemon=True) for _ in range(logins)]
    for thread in (*slow_ones, *guessing):
        thread.start()
    print("all there", flush=True)
    sys.stdin.read()
    print(json.dumps(statuses), flush=True)
    return 0


def _never_end(place: tuple[str, int], kind: int) -> None:
    """Over and over: what is closed is opened again."""
    while True:
        with contextlib.suppress(OSError), socket.create_connection(place) as client:
            client.sendall((HEADER, BODY)[kind])
            while True:
                time.sleep(DRIP_S)
                client.sendall((b"X-A: b\r\n", b"a")[kind])
        time.sleep(DRIP_S)


def _guess(address: str, statuses: Counter[str]) -> None:
    """Wrong passwords for ever new names, by the login form."""
    token = secrets.token_hex(16)
    headers = {"Cookie": f"csrftoken={token}", "Content-Type": "application/x-www-form-urlencoded"}
    while True:
        connection = http.client.HTTPConnection(address, timeout=FOREVER_S)
        form = {"username": secrets.token_hex(8), "password": "a-wrong-guess-12", "csrfmiddlewaretoken": token}
        try:
            connection.request("POST", "/login/", urlencode(form), headers)
            status = connection.getresponse().status
            statuses[str(status)] += 1
            if status in (429, 503):
                time.sleep(PAUSE_S)
        except OSError:
            time.sleep(DRIP_S)
        finally:
            connection.close()
