"""What checks and the factor of splits and dividends cost beside the loading of bars, in a database of its own."""

import sys
import time
from typing import Any

from django.core.management import call_command

from instruments.health.services import series_check
from instruments.health.subjects import Peers
from instruments.imports.services import series_write
from instruments.models import Finding, Instrument, Series, Timeframe
from instruments.quant.calendars import CURRENCIES
from instruments.quant.health.checks import find_flaws
from instruments.store.read_bars import load_many
from scripts.benchmarks.data_actions import time_factor
from scripts.benchmarks.markets import market

REPEATS = 3


def time_checks(series: int, bars: int) -> dict[str, Any]:
    """Seconds of loading, of all checks, and of a whole check with its findings written; the least of REPEATS."""
    call_command("migrate", verbosity=0)
    members = []
    for k in range(series):
        instrument = Instrument.objects.create(symbol=f"S{k:04}", calendar=CURRENCIES)
        members.append(Series.objects.create(instrument=instrument, timeframe=Timeframe.DAY))
    series_write(parts=[(member, market(bars, seed=k)) for k, member in enumerate(members)], source="bench")
    members = list(Series.objects.select_related("instrument").order_by("pk"))
    peers = Peers(members)  # the cache of columns is filled here, once
    seconds: dict[str, list[float]] = {"load": [], "checks": [], "check_data": []}
    for _ in range(REPEATS):
        began = time.perf_counter()
        load_many(members)
        seconds["load"].append(time.perf_counter() - began)
        began = time.perf_counter()
        for _member, subject in Peers(members).subjects(0, series):
            find_flaws(subject)
        seconds["checks"].append(time.perf_counter() - began)
        began = time.perf_counter()
        series_check(pks=[member.pk for member in members])
        seconds["check_data"].append(time.perf_counter() - began)
    least = {name: round(min(values), 3) for name, values in seconds.items()}
    ratio = round(least["checks"] / least["load"], 2)
    print(
        f"{series} x {bars} bars: {least}, checks / load {ratio}; {Finding.objects.count()} findings", file=sys.stderr
    )
    factor = time_factor(members)
    return {**least, "ratio": ratio, "series": series, "bars": bars, "calendar": peers.calendar, "factor": factor}
