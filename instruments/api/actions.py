"""Splits and dividends of an instrument over REST."""

import csv
import io
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import api_view, parser_classes, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import PAGE, answers
from boursomatic.shared.rest import invalid, known_only, list_answer
from instruments.api import schema
from instruments.api.bodies import CSVParser, LongJSONParser
from instruments.imports.action_rows import json_sheet
from instruments.imports.actions import actions_import
from instruments.imports.report import REJECT, SKIP
from instruments.models import CorporateAction, Instrument, Timeframe
from instruments.quant.ingest.headers import NotBars
from instruments.sources.files import Sheet, csv_sheet

_TIMEFRAME = OpenApiParameter("timeframe", OpenApiTypes.STR, enum=Timeframe.values, description="Default: all")


@extend_schema(
    methods=["GET"],
    operation_id="actions",
    summary="Splits and dividends of an instrument, newest first",
    tags=["data"],
    parameters=[
        _TIMEFRAME,
        *PAGE,
    ],
    responses=answers(200, schema.Actions, 404),
)
@extend_schema(
    methods=["POST"],
    operation_id="actions_import",
    summary="Store splits and dividends of an instrument",
    description="Equal ones are left alone, others are changed; none is deleted.",
    tags=["data"],
    parameters=[
        _TIMEFRAME,
        OpenApiParameter("source", OpenApiTypes.STR, description="Who says so, default api"),
        OpenApiParameter("on_bad", OpenApiTypes.STR, enum=[REJECT, SKIP]),
    ],
    request={"text/csv": OpenApiTypes.STR, "application/json": schema.ActionRows},
    responses=answers(200, schema.ActionReport, 404, 413, 415)
    | {400: OpenApiResponse(schema.NoActionStored, "Nothing was stored, or a parameter is wrong")},
)
@api_view(["GET", "POST"])
@permission_classes([api_permission(Scope.READ, write=Scope.DATA)])
@parser_classes([CSVParser, LongJSONParser])
def actions(request: Request, symbol: str) -> Response:
    is_import = request.method == "POST"
    known_only(request, "timeframe", *(("source", "on_bad") if is_import else ("limit", "before")))
    timeframe, on_bad = request.query_params.get("timeframe"), request.query_params.get("on_bad", REJECT)
    if timeframe is not None and timeframe not in Timeframe.values:
        raise invalid({"timeframe": [f"Must be one of: {', '.join(Timeframe.values)}."]})
    if on_bad not in (REJECT, SKIP):
        raise invalid({"on_bad": [f"Must be one of: {REJECT}, {SKIP}."]})
    if "\0" in symbol or not Instrument.objects.filter(symbol=symbol).exists():
        raise NotFound(f"There is no instrument {symbol[:40]!r}.")
    if not is_import:
        rows = CorporateAction.objects.filter(series__instrument__symbol=symbol).select_related("series__instrument")
        return list_answer(request, rows.filter(series__timeframe=timeframe) if timeframe else rows, _actions_json)
    try:
        sheet = _sheet(request.data)
    except (NotBars, csv.Error) as reason:
        raise invalid({"detail": [str(reason)]}) from reason
    report = actions_import(
        sheet=sheet,
        name="body",
        user=request.user,
        source=request.query_params.get("source") or "api",
        symbol=symbol,
        timeframe=timeframe,
        on_bad=on_bad,
    )
    if report.refused:
        return Response({**report.as_dict(), "detail": report.refused}, status=400)
    return Response(report.as_dict())


def _sheet(body: Any) -> Sheet:
    """Raises NotBars and csv.Error."""
    if not isinstance(body, str):
        return json_sheet(body)
    sheet = csv_sheet(io.StringIO(body, newline=""))
    return Sheet(sheet.header, iter(list(sheet.rows)))


def _actions_json(actions: list[CorporateAction]) -> list[dict[str, Any]]:
    return [
        {
            "id": action.pk,
            "symbol": action.series.instrument.symbol,
            "timeframe": action.series.timeframe,
            "ex_day": action.ex_day.isoformat(),
            "kind": action.kind,
            "ratio": action.ratio,
            "amount": action.amount,
            "source": action.source,
            "known_at": action.known_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for action in actions
    ]
