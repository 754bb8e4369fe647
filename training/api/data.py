"""Uploads stored, and sources asked for what is new, over REST."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission, person_of
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import answers
from boursomatic.shared.rest import idempotency_key, known_only
from instruments.imports.uploads import upload_find, upload_hold
from training.api.runs import KEY, refusals, run_started
from training.recipes.refresh.schema import RefreshRequest
from training.recipes.refresh.spec import parse_refresh_request
from training.recipes.store.recipe import GONE
from training.recipes.store.schema import StoreRequest
from training.recipes.store.spec import parse_store_request
from training.recipes.universe.schema import RunAccepted
from training.runs.refreshes import refresh_start


@extend_schema(
    operation_id="upload_store",
    summary="Store an upload as bars",
    description="A run, whose result is what `import_bars` answers.",
    tags=["data"],
    parameters=[KEY],
    request=StoreRequest,
    responses=answers(202, RunAccepted, 404, 409, 413, 415, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.DATA)])
def store(request: Request, upload_id: UUID) -> Response:
    known_only(request)
    upload = upload_find(upload_id)
    if upload is None:
        raise NotFound(GONE)
    _, run = run_started(request, lambda data: parse_store_request(str(upload_id), data))
    upload_hold(upload=upload)
    message = f"Storing {len(upload.files)} file{'s' if len(upload.files) > 1 else ''}"
    return Response({"started": True, "run_id": run.run_id, "message": message}, status=202)


@extend_schema(
    operation_id="refresh",
    summary="Ask sources for what is new",
    description="A run of the kind `refresh`. A source is asked by one at a time: where it is on its way, `started` is "
    "false and `run_id` names it.",
    tags=["data"],
    parameters=[KEY],
    request=RefreshRequest,
    responses=answers(202, RunAccepted, 409, 413, 415, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.DATA)])
def refresh(request: Request) -> Response:
    known_only(request)
    with refusals():
        spec = parse_refresh_request(request.data)
        run, is_new = refresh_start(spec=spec, user=person_of(request), idempotency_key=idempotency_key(request))
    who = f"the source {spec.source}" if spec.source else "all sources"
    message = f"Asking {who} for what is new" if is_new else f"Run {run.run_id} is asking already"
    return Response({"started": is_new, "run_id": run.run_id, "message": message}, status=202)
