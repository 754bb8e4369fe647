"""The page Health over few findings and over many, and an upload of 50 MB until it is shown."""

import gc
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings

from instruments.imports.reading import read_upload
from instruments.imports.schema import ReadingOptions
from instruments.models import RANKS, Finding, Series
from instruments.quant.health.checks import LABELS

FEW, MANY = 100, 100_000
ROUNDS = 9
UPLOAD = 50_000_000  # bytes
ADDRESSES = {
    "open": "/data/health/",
    "one instrument": "/data/health/?symbol=S0007",
    "bad ones": "/data/health/?severity=bad",
    "of a check": "/data/health/?check=split",
    "newest": "/data/health/?sort=-found",
    "API": "/api/data/health?state=open",
}
FULL = ("open", "newest", "API")  # they show as many rows of few findings as of many
_keys = count()


def time_pages() -> dict[str, Any]:
    """Medians of ROUNDS in ms over FEW and over MANY findings of the series that are stored, and the greatest ratio of
    those that show as many rows."""
    Finding.objects.all().delete()
    client = Client()
    user = User.objects.create_superuser("bench", password=None)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    milliseconds = {}
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # no files are gathered for a bench
    with override_settings(ALLOWED_HOSTS=["testserver"], STORAGES={**settings.STORAGES, "staticfiles": plain}):
        for total in (FEW, MANY):
            _add_findings(list(Series.objects.all()), total - Finding.objects.count())
            milliseconds[total] = {name: _median(client, address) for name, address in ADDRESSES.items()}
    ratio = max(milliseconds[MANY][name] / milliseconds[FEW][name] for name in FULL)
    print(f"health page, ms: {milliseconds}; at most {ratio:.2f} times", file=sys.stderr)
    return {"few": milliseconds[FEW], "many": milliseconds[MANY], "ratio": round(ratio, 2)}


def _median(client: Client, address: str) -> float:
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        began = time.perf_counter()
        answer = client.get(address)
        times.append(1e3 * (time.perf_counter() - began))
        assert answer.status_code == 200, answer.status_code
    return round(median(times), 1)


def _add_findings(series: list[Series], more: int) -> None:
    severities, checks, now = list(RANKS), list(LABELS), datetime(2026, 1, 1, tzinfo=UTC)
    Finding.objects.bulk_create(
        (
            Finding(
                series=series[k % len(series)],
                check_name=checks[k % 11],
                first=now - timedelta(days=k),
                last=now,
                count=3,
                severity=severities[k % 3],
                rank=RANKS[severities[k % 3]],
                text="Three bars, as a check would tell of them.",
                found_at=now,
                changed_at=now,
            )
            for k in (next(_keys) for _ in range(more))
        ),
        batch_size=2_000,
    )


def time_upload() -> dict[str, Any]:
    """Seconds of reading and checking a CSV of UPLOAD bytes, as an upload's preview is made; the least of three."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload.csv"
        _write(path)
        seconds = []
        for _ in range(3):
            began = time.perf_counter()
            read_upload(path, path.name, ReadingOptions())
            seconds.append(time.perf_counter() - began)
        size = path.stat().st_size
    print(f"upload of {size:,} bytes: {min(seconds):.2f} s", file=sys.stderr)
    return {"bytes": size, "seconds": round(min(seconds), 2)}


def _write(path: Path) -> None:
    """Bars of some symbols, until it is as large as it may be."""
    days = [(datetime(1990, 1, 1, tzinfo=UTC) + timedelta(days=k)).date().isoformat() for k in range(10_000)]
    with path.open("w") as file:
        file.write("symbol,date,open,high,low,close,volume,adj_close\n")
        for number in count():
            for k, day in enumerate(days):
                low = 50 + (k * 37 + number * 11) % 1000 / 100
                prices = f"{low + 1:.2f},{low + 2:.2f},{low:.2f},{low + 1:.2f},{k * 100},{low + 1:.2f}"
                file.write(f"S{number:04},{day},{prices}\n")
            if file.tell() > UPLOAD:
                return
