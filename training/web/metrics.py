"""`/metrics`: what the platform does, in Prometheus' text format. Runs, workers and models are the database's, so each
host answers the same; requests and disk are those of the host that is asked."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Min, Q, Sum
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from rest_framework.decorators import api_view, permission_classes, renderer_classes
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.ages import seconds_since
from boursomatic.shared.requests_counted import requests_counted
from training.models import ModelVersion, RunEvent, Status, TrainingRun
from training.queue import hosts

FITS = ("fit", "refit")  # stages of a run's log


class TextRenderer(BaseRenderer):
    """For refusals alone: what a program that reads metrics gets instead."""

    media_type, format = "text/plain", "txt"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> str:
        return f"{data['detail']}\n"


class Platform(Collector):
    """What the database and the disk say at this moment, in six queries."""

    def collect(self) -> Iterator[Metric]:
        runs = GaugeMetricFamily("boursomatic_runs", "Runs by kind and status", labels=("kind", "status"))
        seconds = SummaryMetricFamily("boursomatic_run_seconds", "What completed runs took, by kind", labels=("kind",))
        rows = TrainingRun.objects.existing().order_by().values_list("kind", "status")
        for kind, status, count, took in rows.annotate(
            count=Count("pk"), took=Sum(F("finished_at") - F("started_at"), filter=Q(status=Status.COMPLETED))
        ):
            runs.add_metric((kind, status), count)
            if took is not None:
                seconds.add_metric((kind,), count, took.total_seconds())
        yield runs
        yield seconds
        fits = CounterMetricFamily("boursomatic_fits", "Fits of models that runs have begun, by kind", labels=("kind",))
        lines = RunEvent.objects.filter(stage__in=FITS).order_by().values_list("run__kind")
        for kind, count in lines.annotate(Count("pk")):
            fits.add_metric((kind,), count)
        yield fits
        oldest = TrainingRun.objects.existing().filter(status=Status.QUEUED).aggregate(at=Min("created_at"))["at"]
        waits = seconds_since(oldest) if oldest else 0.0
        yield GaugeMetricFamily("boursomatic_queue_age_seconds", "How long the oldest queued run has waited", waits)
        counts = hosts.alive().aggregate(alive=Count("pk"), busy=Count("pk", filter=Q(run__isnull=False)))
        yield GaugeMetricFamily("boursomatic_workers", "Worker processes with a recent heartbeat", counts["alive"])
        yield GaugeMetricFamily("boursomatic_workers_busy", "Those that carry a run", counts["busy"])
        yield GaugeMetricFamily("boursomatic_models", "Models that are stored", ModelVersion.objects.count())
        yield GaugeMetricFamily("boursomatic_database_bytes", "Size of the database", _database_bytes())
        usage = shutil.disk_usage(settings.HOME)
        yield GaugeMetricFamily("boursomatic_disk_free_bytes", "Room below BOURSOMATIC_HOME", usage.free)
        yield GaugeMetricFamily("boursomatic_disk_bytes", "Size of the disk below BOURSOMATIC_HOME", usage.total)


@extend_schema(exclude=True)  # its format is Prometheus', not JSON
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
@renderer_classes([TextRenderer])
def metrics(request: Request) -> HttpResponse:
    """All of it, for a token with the scope `read`."""
    platform = CollectorRegistry()
    platform.register(Platform())
    text = generate_latest(platform) + generate_latest(requests_counted())
    return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _database_bytes() -> int:
    """On SQLite with what has not been written back into the file yet."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    name = str(connection.settings_dict["NAME"])
    return sum(path.stat().st_size for path in (Path(name), Path(f"{name}-wal")) if path.is_file())
