"""The page of those who carry the runs: hosts, processes, queue, failures."""

from datetime import timedelta
from typing import Any

from django.db.models import Count, Min, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.pages import render_page
from training.models import ACTIVE, Reason, Status, TrainingRun, WorkerProcess
from training.queue import clock, leases, release
from training.worker import heartbeat


@require_GET
@page_permission(Scope.READ)
def workers(request: HttpRequest) -> HttpResponse:
    """Polls itself: who is there changes without anybody's doing."""
    leases.reclaim_expired()
    context = {"hosts": _hosts(), "failures": _failures(), **_queue()}
    return render_page(request, "training/workers/list.html", "training/workers/_list.html", context)


def _hosts() -> list[dict[str, Any]]:
    """Each host with its processes; silent ones are shown until they are forgotten. Those of another release than the
    deployed one claim nothing."""
    deployed = release.deployed()
    now = clock.read()
    hosts: dict[str, list[dict[str, Any]]] = {}
    for process in WorkerProcess.objects.select_related("run__subject").order_by("host", "pid"):
        silent_s = max(0.0, (now - process.beat_at).total_seconds())
        line = {
            "process": process,
            "silent_s": silent_s,
            "is_alive": silent_s <= heartbeat.ALIVE_S,
            "is_replaced": deployed not in (None, process.release),
            "run": process.run if process.run and process.run.status == Status.RUNNING else None,
        }
        hosts.setdefault(process.host, []).append(line)
    return [
        {
            "name": name,
            "lines": lines,
            "alive": sum(line["is_alive"] for line in lines),
            "replaced": next((line["process"].release for line in lines if line["is_replaced"]), None),
            "deployed": deployed,
        }
        for name, lines in hosts.items()
    ]


def _queue() -> dict[str, Any]:
    active = (
        TrainingRun.objects.existing()
        .filter(status__in=ACTIVE)
        .aggregate(
            queued=Count("pk", filter=Q(status=Status.QUEUED)),
            running=Count("pk", filter=Q(status=Status.RUNNING)),
            oldest=Min("created_at", filter=Q(status=Status.QUEUED)),
        )
    )
    waits = (timezone.now() - active["oldest"]).total_seconds() if active["oldest"] else None
    return {**active, "oldest_waits_s": waits}


def _failures() -> list[dict[str, Any]]:
    """Of the last 24 hours, by reason, most frequent first."""
    day = TrainingRun.objects.filter(status=Status.FAILED, finished_at__gte=Now() - timedelta(days=1))
    counted = day.order_by().values("error_reason").annotate(count=Count("pk")).order_by("-count", "error_reason")
    sentences = dict(Reason.choices)
    return [{**one, "sentence": sentences.get(one["error_reason"], one["error_reason"])} for one in counted]
