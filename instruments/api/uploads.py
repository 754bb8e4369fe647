"""Files of bars uploaded over REST, and what reading them found."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, parser_classes, permission_classes
from rest_framework.exceptions import APIException, NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import answers
from boursomatic.shared.records import to_json
from boursomatic.shared.rest import TooLarge, invalid, known_only
from boursomatic.shared.uploads import MOST_BYTES
from instruments.api import schema
from instruments.imports.schema import ReadingOptions
from instruments.imports.uploads import (
    MOST_FILES,
    UploadRefused,
    upload_create,
    upload_find,
    upload_findings,
    upload_read,
)
from instruments.models import Upload

GONE = "There is no such upload; it is kept for an hour."
_FILE = {"type": "string", "format": "binary"}
_FILES = {
    "type": "object",
    "properties": {"files": {"type": "array", "minItems": 1, "maxItems": MOST_FILES, "items": _FILE}},
    "required": ["files"],
    "additionalProperties": False,
}


@extend_schema(
    operation_id="upload",
    summary="Upload files of bars, to look at before they are stored",
    description="Up to 20 files of 50 MB, 200 MB in all: CSV, CSV.gz or Parquet. The report says what storing them "
    "would change. It is null where reading takes more than 10 s; then the upload's own address has it when it is "
    "ready. Kept for an hour.",
    tags=["data"],
    request={"multipart/form-data": _FILES},
    responses=answers(201, schema.Upload, 413, 415, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.DATA)])
@parser_classes([MultiPartParser])
def uploads(request: Request) -> Response:
    known_only(request)
    if int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES:
        raise TooLarge("The files are larger than 200 MB in all. Send fewer at once.")
    if unknown := set(request.data) - {"files"}:
        raise invalid({name[:60]: ["Unknown field. Known: files."] for name in unknown})
    try:
        upload = upload_create(user=request.user, files=request.FILES.getlist("files"))
    except UploadRefused as refusal:
        error = APIException({"files": [str(refusal)]})
        error.status_code = refusal.code
        raise error from refusal
    is_over = upload_read(upload=upload, options=ReadingOptions())
    return Response(_upload_json(upload, is_over=is_over), status=201)


@extend_schema(
    operation_id="upload_report",
    summary="What an upload holds, and what storing it would change now",
    tags=["data"],
    responses=answers(200, schema.Upload, 404),
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.DATA)])
def upload(request: Request, upload_id: UUID) -> Response:
    known_only(request)
    found = upload_find(upload_id)
    if found is None:
        raise NotFound(GONE)
    return Response(_upload_json(found))


def _upload_json(upload: Upload, *, is_over: bool = False) -> object:
    findings = upload_findings(upload, is_over=is_over)
    return to_json(
        schema.Upload(
            upload_id=str(upload.pk),
            columns=findings.columns,
            preview=findings.previews,
            report=findings.report,
            clashes=findings.clashes,
            expires_at=upload.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
    )
