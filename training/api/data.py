"""Uploads stored over REST."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import answers
from boursomatic.shared.rest import known_only
from instruments.imports.uploads import upload_find, upload_hold
from training.api.runs import KEY, run_started
from training.recipes.store.recipe import GONE
from training.recipes.store.schema import StoreRequest
from training.recipes.store.spec import parse_store_request
from training.recipes.universe.schema import RunAccepted


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
