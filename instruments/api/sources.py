"""Sources of bars over REST. Keys go in and never come out."""

from collections.abc import Mapping
from typing import Any

import msgspec
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import PAGE, answers
from boursomatic.shared.records import Record, to_json
from boursomatic.shared.rest import invalid, json_body, known_only, list_answer
from instruments.api import schema
from instruments.imports.schema import Trial
from instruments.imports.sources import (
    SourceRefused,
    key_is_lost,
    prices_of,
    source_change,
    source_create,
    source_delete,
    source_try,
)
from instruments.models import Source, Timeframe

_TYPES: dict[type, str] = {str: "a text", dict: "an object of texts", bool: "true or false"}


@extend_schema(
    methods=["GET"],
    operation_id="sources",
    summary="Sources of bars",
    tags=["data"],
    parameters=PAGE,
    responses=answers(200, schema.Sources),
)
@extend_schema(
    methods=["POST"],
    operation_id="source_create",
    summary="Add a source of bars",
    tags=["data"],
    request=schema.SourceRequest,
    responses=answers(201, schema.Source, 413, 415),
)
@api_view(["GET", "POST"])
@permission_classes([api_permission(Scope.DATA)])
def sources(request: Request) -> Response:
    if request.method == "GET":
        known_only(request, "limit", "before")
        return list_answer(request, Source.objects.all(), lambda page: [_json(source) for source in page])
    known_only(request)
    body = _body(request, schema.SourceRequest, {"name": str, "kind": str, "options": dict, "key": str})
    if missing := [name for name in ("name", "kind") if name not in body]:
        raise invalid({name: ["Needed."] for name in missing})
    try:
        source = source_create(user=request.user, **{"options": {}, **body})
    except SourceRefused as refusal:
        raise _refused(refusal) from refusal
    return Response(_json(source), status=201)


@extend_schema(
    methods=["GET"],
    operation_id="source",
    summary="A source of bars",
    tags=["data"],
    responses=answers(200, schema.Source, 404),
)
@extend_schema(
    methods=["PATCH"],
    operation_id="source_change",
    summary="Change options, key or state of a source",
    description="Who changes an address that the key is sent to must send the key again.",
    tags=["data"],
    request=schema.SourceChanges,
    responses=answers(200, schema.Source, 404, 413, 415),
)
@extend_schema(
    methods=["DELETE"],
    operation_id="source_delete",
    summary="Delete a source and its key; bars that it gave stay",
    tags=["data"],
    responses=answers(204, None, 404),
)
@api_view(["GET", "PATCH", "DELETE"])
@permission_classes([api_permission(Scope.DATA)])
def source(request: Request, name: str) -> Response:
    known_only(request)
    existing = _source(name)
    if request.method == "DELETE":
        source_delete(source=existing, user=request.user)
        return Response(status=204)
    if request.method == "PATCH":
        changes = _body(request, schema.SourceChanges, {"options": dict, "key": str, "enabled": bool, "symbols": dict})
        try:
            source_change(source=existing, user=request.user, **changes)
        except SourceRefused as refusal:
            raise _refused(refusal) from refusal
    return Response(_json(existing))


@extend_schema(
    operation_id="source_try",
    summary="Ask a source for an instrument's newest bars; nothing is stored",
    description="Five bars, or in `problem` the first thing that goes wrong. Takes at most 45 s.",
    tags=["data"],
    request=schema.TrialRequest,
    responses=answers(200, Trial, 404, 413, 415),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.DATA)])
def source_trial(request: Request, name: str) -> Response:
    known_only(request)
    body = _body(request, schema.TrialRequest, {"symbol": str, "timeframe": str})
    if "symbol" not in body:
        raise invalid({"symbol": ["Needed."]})
    if body.get("timeframe", Timeframe.DAY) not in Timeframe.values:
        raise invalid({"timeframe": [f"Must be one of: {', '.join(Timeframe.values)}."]})
    return Response(to_json(source_try(source=_source(name), **body)))


def _source(name: str) -> Source:
    existing = Source.objects.filter(name=name).first()
    if existing is None:
        raise NotFound("There is no such source.")
    return existing


def _body(request: Request, shape: type[Record], types: Mapping[str, type]) -> dict[str, Any]:
    """The fields that were sent, of their types. Raises 400 in words."""
    body = json_body(request, [field.name for field in msgspec.structs.fields(shape)])
    wrong = [name for name, value in body.items() if name in types and not isinstance(value, types[name])]
    if wrong:
        raise invalid({name: [f"Must be {_TYPES[types[name]]}."] for name in wrong})
    return body


def _refused(refusal: SourceRefused) -> Exception:
    return invalid({name: [text] for name, text in refusal.problems.items()})


def _json(source: Source) -> dict[str, Any]:
    key = "none" if not source.sealed_key else "lost" if key_is_lost(source) else "set"
    answer: dict[str, Any] = to_json(
        schema.Source(
            name=source.name,
            kind=source.kind,
            options=source.options,
            key=key,
            prices=prices_of(source),
            enabled=source.enabled,
            updated_at=source.updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            symbols=source.symbols,
        )
    )
    return answer
