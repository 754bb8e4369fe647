"""The hosts of the workers over REST: what each has, and whether it may take runs."""

from django.db.models import Count
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission, person_of
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import answers
from boursomatic.shared.records import to_json
from boursomatic.shared.rest import known_only
from training.api import schema
from training.models import Priority, WorkerHost
from training.queue.clock import read
from training.queue.hosts import alive
from training.runs.hosts import host_drain


@extend_schema(
    operation_id="hosts",
    summary="Hosts with workers",
    tags=["runs and models"],
    responses=answers(200, schema.Hosts),
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def hosts(request: Request) -> Response:
    known_only(request)
    return Response(to_json(_hosts_json()))


@extend_schema(
    operation_id="host_drain",
    summary="Drain a host",
    description="It finishes what it holds and takes nothing more, until it is resumed.",
    tags=["runs and models"],
    request=None,
    responses=answers(200, schema.Host, 404),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.ACTIVATE)])
def drain(request: Request, name: str) -> Response:
    return _told(request, name, drain=True)


@extend_schema(
    operation_id="host_resume",
    summary="Let a drained host take runs again",
    tags=["runs and models"],
    request=None,
    responses=answers(200, schema.Host, 404),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.ACTIVATE)])
def resume(request: Request, name: str) -> Response:
    return _told(request, name, drain=False)


def _told(request: Request, name: str, *, drain: bool) -> Response:
    known_only(request)
    try:
        host_drain(name, drain=drain, user=person_of(request))
    except WorkerHost.DoesNotExist:
        raise NotFound(f"There is no host {name!r} with workers.") from None
    return Response(to_json(next(host for host in _hosts_json() if host.name == name)))


def _hosts_json() -> list[schema.Host]:
    now = read()
    counts = dict(alive().order_by().values_list("host").annotate(Count("pk")))
    return [
        schema.Host(
            name=host.name,
            cores=host.cores,
            memory=host.memory,
            slots=host.slots,
            queues=[Priority(queue).name.lower() for queue in host.queues],
            ahead_s=round(host.ahead_s, 3),
            silent_s=round(max(0.0, (now - host.beat_at).total_seconds()), 3),
            processes=counts.get(host.name, 0),
            drained=host.drained_at is not None,
        )
        for host in WorkerHost.objects.all()
    ]
