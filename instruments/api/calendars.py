"""Calendars that instruments trade by, over REST."""

from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import answers
from boursomatic.shared.rest import known_only
from instruments.api import schema
from instruments.calendars.sessions import CalendarLine, calendars_in_use
from instruments.quant.calendars import as_date

_UPCOMING = 3


@extend_schema(
    operation_id="calendars",
    summary="Calendars that instruments trade by: known sessions and the next closes",
    description="Names are those of exchange_calendars; besides 24/7 (coins: every day), FX (currencies: Sunday to "
    "Friday evening in New York) and own (no calendar fits: the days of the instrument's own bars). `fill_calendars` "
    "and checks write the sessions.",
    tags=["data"],
    responses=answers(200, schema.Calendars),
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def calendars(request: Request) -> Response:
    known_only(request)
    return Response([_json(line) for line in calendars_in_use(timezone.now(), upcoming=_UPCOMING)])


def _json(line: CalendarLine) -> dict[str, Any]:
    upcoming = zip(line.upcoming.days, line.upcoming.closes, line.upcoming.is_early, strict=True)
    return {
        "name": line.name,
        "zone": line.zone or None,
        "instruments": line.instruments,
        "first": line.first and line.first.isoformat(),
        "last": line.last and line.last.isoformat(),
        "next_closes": [
            {
                "session": as_date(int(day)).isoformat(),
                "closes_at": f"{datetime.fromtimestamp(int(closes), UTC):%Y-%m-%dT%H:%M:%SZ}",
                "is_early": bool(is_early),
            }
            for day, closes, is_early in upcoming
        ],
    }
