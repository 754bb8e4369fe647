"""The page of those who carry the runs: hosts, processes, queue, failures."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import Count, Min, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.ages import seconds_since
from boursomatic.shared.pages import render_page
from training.models import ACTIVE, Priority, Reason, Status, TrainingRun, WorkerHost, WorkerProcess
from training.queue import clock, hosts, leases, release
from training.runs.hosts import host_drain

CLOCK_S = 2.0  # that a host's clock may differ from the database's


@require_GET
@page_permission(Scope.READ)
def workers(request: HttpRequest) -> HttpResponse:
    """Polls itself: who is there changes without anybody's doing."""
    leases.reclaim_expired()
    context = {
        "hosts": _hosts(),
        "stranded": hosts.stranded(),
        "failures": _failures(),
        "may_drain": may(request.user, Scope.ACTIVATE),
        **_queue(),
    }
    return render_page(request, "training/workers/list.html", "training/workers/_list.html", context)


@require_POST
@page_permission(Scope.ACTIVATE)
def drain(request: HttpRequest, name: str, *, drain: bool) -> HttpResponse:
    try:
        if host_drain(name, drain=drain, user=person_of(request)):
            told = "finishes what it holds and takes nothing more" if drain else "takes runs again"
            messages.success(request, f"{name} {told}.")
    except WorkerHost.DoesNotExist:
        messages.error(request, f"{name} is gone: it has not been heard of for ten minutes.")
    return redirect("workers")


def _hosts() -> list[dict[str, Any]]:
    """Each host with its processes; silent ones are shown until they are forgotten. Those of another release than the
    deployed one claim nothing."""
    deployed = release.deployed()
    by_name = {host.name: host for host in WorkerHost.objects.all()}
    lines: dict[str, list[dict[str, Any]]] = {name: [] for name in by_name}
    now = clock.read()
    for process in WorkerProcess.objects.select_related("run__subject").order_by("pid"):
        silent_s = max(0.0, (now - process.beat_at).total_seconds())
        line = {
            "process": process,
            "silent_s": silent_s,
            "is_alive": silent_s <= hosts.ALIVE_S,
            "is_replaced": deployed not in (None, process.release),
            "run": process.run if process.run and process.run.status == Status.RUNNING else None,
        }
        lines.setdefault(process.host, []).append(line)
    return [_host(name, by_name.get(name), lines[name], deployed) for name in sorted(lines)]


def _host(name: str, host: WorkerHost | None, lines: list[dict[str, Any]], deployed: str | None) -> dict[str, Any]:
    return {
        "name": name,
        "host": host,
        "gigabytes": host.memory / hosts.GB if host else None,
        "queues": [Priority(queue).name.lower() for queue in host.queues] if host else [],
        "takes_all": host is None or len(host.queues) == len(Priority),
        "clock": f"{host.ahead_s:+.1f} s" if host else "",
        "clock_is_off": host is not None and abs(host.ahead_s) > CLOCK_S,
        "lines": lines,
        "alive": sum(line["is_alive"] for line in lines),
        "replaced": next((line["process"].release for line in lines if line["is_replaced"]), None),
        "deployed": deployed,
        "has_other_store": any(line["is_alive"] and not line["process"].has_store for line in lines),
    }


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
    waits = seconds_since(active["oldest"]) if active["oldest"] else None
    return {**active, "oldest_waits_s": waits}


def _failures() -> list[dict[str, Any]]:
    """Of the last 24 hours, by reason, most frequent first."""
    day = TrainingRun.objects.filter(status=Status.FAILED, finished_at__gte=Now() - timedelta(days=1))
    counted = day.order_by().values("error_reason").annotate(count=Count("pk")).order_by("-count", "error_reason")
    sentences = dict(Reason.choices)
    return [{**one, "sentence": sentences.get(one["error_reason"], one["error_reason"])} for one in counted]
