"""Findings about stored bars over REST."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission, person_of
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import PAGE, answers
from boursomatic.shared.rest import Conflict, invalid, json_body, known_only, list_answer
from instruments.api import schema
from instruments.health.as_json import findings_json, proposal_json
from instruments.health.choice import FILTERS, choose_findings
from instruments.health.findings import REASON, NotAcknowledged, finding_acknowledge
from instruments.health.repairs import RepairRefused, repair_apply, repair_propose, repair_undo
from instruments.models import Finding, FindingState, Severity
from instruments.quant.health.checks import LABELS


@extend_schema(
    operation_id="findings",
    summary="What checks found in stored bars, newest first",
    tags=["data"],
    parameters=[
        OpenApiParameter("symbol", OpenApiTypes.STR),
        OpenApiParameter("universe", OpenApiTypes.STR, description="Whoever is or was in it"),
        OpenApiParameter("severity", OpenApiTypes.STR, enum=["", *Severity.values]),
        OpenApiParameter("state", OpenApiTypes.STR, enum=["", *FindingState.values]),
        OpenApiParameter("check", OpenApiTypes.STR, enum=["", *LABELS]),
        *PAGE,
    ],
    responses=answers(200, schema.Findings),
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def findings(request: Request) -> Response:
    known_only(request, *FILTERS, "limit", "before")
    choice = choose_findings(request.query_params.dict())
    if choice.errors:
        raise invalid(choice.errors)
    return list_answer(request, choice.rows.select_related("series__instrument", "user"), findings_json)


@extend_schema(
    operation_id="finding_acknowledge",
    summary="Acknowledge a finding, with a reason",
    description="It stays, and no longer counts as open; later checks leave it so, unless it gets worse.",
    tags=["data"],
    request=schema.AcknowledgeRequest,
    responses=answers(200, schema.Finding, 404, 409, 413, 415),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.DATA)])
def acknowledge(request: Request, finding_id: int) -> Response:
    known_only(request)
    reason = json_body(request, {"reason"}).get("reason")
    if not isinstance(reason, str) or not 0 < len(reason.strip()) <= REASON:
        raise invalid({"reason": [f"Must be a text of 1 to {REASON} characters."]})
    finding = _finding(finding_id)
    try:
        finding_acknowledge(finding=finding, reason=reason, user=person_of(request))
    except NotAcknowledged as refusal:
        raise Conflict(str(refusal)) from refusal
    return Response(findings_json([finding])[0])


@extend_schema(
    methods=["GET"],
    operation_id="finding_repair_proposal",
    summary="What a repair of a finding would change",
    tags=["data"],
    responses=answers(200, schema.RepairProposal, 404, 409),
)
@extend_schema(
    methods=["POST"],
    operation_id="finding_repair",
    summary="Repair the bars of a finding as proposed",
    description="An import of its own, from the source `repair NUMBER`, recorded and undoable; Verify of older runs "
    "goes on reading the bars as they stood.",
    tags=["data"],
    request=schema.RepairRequest,
    responses=answers(200, schema.Finding, 404, 409, 413, 415),
)
@api_view(["GET", "POST"])
@permission_classes([api_permission(Scope.READ, write=Scope.DATA)])
def repair(request: Request, finding_id: int) -> Response:
    known_only(request)
    finding = _finding(finding_id)
    try:
        if request.method == "GET":
            return Response(proposal_json(finding, repair_propose(finding)))
        mark = json_body(request, {"mark"}).get("mark", "") if request.data else ""
        if not isinstance(mark, str):
            raise invalid({"mark": ["Must be the text that the proposal came with."]})
        return Response(findings_json([repair_apply(finding=finding, user=person_of(request), mark=mark)])[0])
    except RepairRefused as refusal:
        raise Conflict(str(refusal)) from refusal


@extend_schema(
    operation_id="finding_undo",
    summary="Undo the repair of a finding",
    description="Refused where its bars were changed since.",
    tags=["data"],
    request=None,
    responses=answers(200, schema.Finding, 404, 409),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.DATA)])
def undo(request: Request, finding_id: int) -> Response:
    known_only(request)
    try:
        return Response(findings_json([repair_undo(finding=_finding(finding_id), user=person_of(request))])[0])
    except RepairRefused as refusal:
        raise Conflict(str(refusal)) from refusal


def _finding(finding_id: int) -> Finding:
    finding = Finding.objects.select_related("series__instrument", "user").filter(pk=finding_id).first()
    if finding is None:
        raise NotFound("There is no such finding.")
    return finding
