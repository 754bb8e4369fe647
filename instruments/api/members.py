"""Members of universes with their dates over REST."""

from collections.abc import Sequence
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import api_view, parser_classes, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission, person_of
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import PAGE, answers
from boursomatic.shared.rest import invalid, known_only, list_answer
from instruments.api import schema
from instruments.api.bodies import CSVParser, LongJSONParser
from instruments.imports.members import MembersRefused, members_remove
from instruments.imports.membership import MOST, MemberRow, NotMembers, members_import, read_members
from instruments.imports.services import BadName
from instruments.models import Universe, UniverseMember

_FIELDS = ("symbol", "from", "to")


@extend_schema(
    methods=["GET"],
    operation_id="members",
    summary="Who is in a universe, from when to when, newest entries first",
    tags=["instruments"],
    parameters=[
        *PAGE,
    ],
    responses=answers(200, schema.Members, 404),
)
@extend_schema(
    methods=["POST"],
    operation_id="members_import",
    summary="Store who was in a universe when",
    description="Instruments that are named get these dates in place of what they had; the others stay. With one bad "
    "row nothing is stored. Makes the universe where there is none of that name.",
    tags=["instruments"],
    request={"text/csv": OpenApiTypes.STR, "application/json": schema.MemberRows},
    responses=answers(200, schema.MembersReport, 404, 413, 415)
    | {400: OpenApiResponse(schema.NoMembersStored, "Nothing was stored")},
)
@api_view(["GET", "POST"])
@permission_classes([api_permission(Scope.READ, write=Scope.DATA)])
@parser_classes([CSVParser, LongJSONParser])
def members(request: Request, name: str) -> Response:
    if request.method == "POST":
        return _store(request, name)
    known_only(request, "limit", "before")
    rows = UniverseMember.objects.filter(universe=_universe(name)).select_related("instrument")
    return list_answer(request, rows, _json)


@extend_schema(
    operation_id="member_remove",
    summary="Take an instrument out of a universe, as if it had never been in it",
    description="All its dates go, its bars stay. Of one that left at a date send that date as `to` instead.",
    tags=["instruments"],
    responses=answers(204, None, 404),
)
@api_view(["DELETE"])
@permission_classes([api_permission(Scope.DATA)])
def member(request: Request, name: str, symbol: str) -> Response:
    known_only(request)
    try:
        members_remove(universe=_universe(name), symbols=[symbol], user=person_of(request))
    except MembersRefused as refusal:
        raise NotFound(str(refusal)) from refusal
    return Response(status=204)


def _universe(name: str) -> Universe:
    universe = Universe.objects.filter(name=name).first()
    if universe is None:
        raise NotFound("There is no such universe. (all is every active instrument, and has no dates.)")
    return universe


def _store(request: Request, name: str) -> Response:
    known_only(request)
    try:
        rows = read_members(request.data) if isinstance(request.data, str) else _rows(request.data)
        report = members_import(name=name, rows=rows, user=person_of(request))
    except (BadName, NotMembers) as refusal:
        raise invalid({"detail": [str(refusal)]}) from refusal
    if report.refused:
        return Response({**report.as_dict(), "detail": report.refused}, status=400)
    return Response(report.as_dict())


def _rows(sent: Any) -> list[MemberRow]:
    """Of a JSON array of objects."""
    if not isinstance(sent, list) or not sent or not all(isinstance(row, dict) for row in sent):
        raise NotMembers('Send an array of objects, as [{"symbol": "AAA", "from": "2015-03-31", "to": null}], or CSV.')
    if len(sent) > MOST:
        raise NotMembers(f"These are more than {MOST:,} rows.")
    for number, row in enumerate(sent, start=1):
        if unknown := [name for name in row if name not in _FIELDS]:
            raise NotMembers(f"Row {number} has an unknown field {unknown[0][:40]!r}. Known: {', '.join(_FIELDS)}.")
        if not isinstance(row.get("symbol"), str) or any(not isinstance(row.get(n), str | None) for n in _FIELDS):
            raise NotMembers(f"Row {number}: symbol is a text; from and to are dates as 2015-03-31, or null.")
    return [
        MemberRow(number, row["symbol"].strip(), row.get("from") or "", row.get("to") or "")
        for number, row in enumerate(sent, start=1)
    ]


def _json(page: Sequence[UniverseMember]) -> list[dict[str, Any]]:
    return [
        {
            "symbol": member.instrument.symbol,
            "from": member.start and member.start.isoformat(),
            "to": member.end and member.end.isoformat(),
        }
        for member in page
    ]
