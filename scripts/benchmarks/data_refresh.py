"""What a refresh costs beside a bare fetch of the same addresses, in a database of its own."""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from django.conf import settings
from django.core.management import call_command
from django.db.models import F

from instruments.imports.asking import CONNECTIONS
from instruments.imports.refresh import source_refresh
from instruments.models import Instrument, PriceBar, Series, Source, Universe
from instruments.quant.calendars import CURRENCIES
from scripts.benchmarks.site import ROOT

REPEATS = 3


def time_refresh(count: int, delay_ms: int) -> dict[str, Any]:
    """Seconds of a fetch by CONNECTIONS threads and of a refresh that stores a new bar for each, turn about; the least
    of REPEATS."""
    call_command("migrate", verbosity=0)
    server = subprocess.Popen(
        [sys.executable, "-m", "scripts.benchmarks.slow_vendor", str(delay_ms)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert server.stdout is not None
    try:
        host = f"127.0.0.1:{int(server.stdout.readline())}"
        settings.SOURCE_HOSTS = [host]
        options = {"url": f"http://{host}/{{symbol}}", "prices": "as_traded"}
        source = Source.objects.create(name="bench", kind="file_url", options=options)
        symbols = [f"R{k:04}" for k in range(count)]
        Instrument.objects.bulk_create(Instrument(symbol=symbol, calendar=CURRENCIES) for symbol in symbols)
        Universe.objects.create(name="bench").instruments.set(Instrument.objects.filter(symbol__in=symbols))
        source_refresh(source=source, universe="bench")
        seconds: dict[str, list[float]] = {"fetch": [], "refresh": []}
        for _ in range(REPEATS):
            _forget_newest()
            seconds["fetch"].append(_fetch([f"http://{host}/{symbol}" for symbol in symbols]))
            began = time.perf_counter()
            refreshed = source_refresh(source=source, universe="bench")
            seconds["refresh"].append(time.perf_counter() - began)
            assert (refreshed.inserted, refreshed.failed) == (count, {})
    finally:
        server.kill()
        server.wait()
    least = {name: round(min(values), 3) for name, values in seconds.items()}
    ratio = round(least["refresh"] / least["fetch"], 2)
    print(f"{count} series, {delay_ms} ms each: {least}, refresh / fetch {ratio}", file=sys.stderr)
    return {**least, "ratio": ratio, "series": count, "delay_ms": delay_ms, "connections": CONNECTIONS}


def _fetch(addresses: list[str]) -> float:
    """By threads that do nothing with what they get."""
    began = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool, requests.Session() as session:
        session.trust_env = False
        for answer in pool.map(session.get, addresses):
            answer.raise_for_status()
    return time.perf_counter() - began


def _forget_newest() -> None:
    """As on the day before."""
    bars = PriceBar.objects.filter(source="bench")
    bars.filter(timestamp=F("series__last")).delete()
    newest = bars.order_by("-timestamp").values_list("timestamp", flat=True)[0]
    Series.objects.filter(instrument__universes__name="bench").update(last=newest, rows=F("rows") - 1)
