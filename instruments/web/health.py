"""The page of what checks found in stored bars."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.tables import csv_response, row_chunks, table_page, wants_csv
from instruments.health.choice import choose_findings
from instruments.health.findings import NotAcknowledged, finding_acknowledge
from instruments.health.services import changed_series
from instruments.models import Finding, FindingState, Severity
from instruments.quant.health.checks import LABELS
from instruments.quant.health.repairs import ASKED_AGAIN, ASKED_WHOLE, REPAIRABLE
from instruments.web.tables import FINDINGS

ANY = "any"  # state
_AROUND = timedelta(days=60)  # what the chart shows beside a finding


@dataclass(frozen=True)
class FindingLine:
    """A finding with its check's name for people, and the address of the chart at it. `has_repair`: one may be
    proposed, or was made."""

    finding: Finding
    label: str
    chart: str
    has_repair: bool = False


def _line(finding: Finding) -> FindingLine:
    label = LABELS.get(finding.check_name, finding.check_name)
    if finding.series is None:
        return FindingLine(finding, label, "")
    query = {
        "symbol": finding.series.instrument.symbol,
        "timeframe": finding.series.timeframe,
        "from": int((finding.first - _AROUND).timestamp()),
        "to": int((finding.last + _AROUND).timestamp()),
    }
    has_repair = finding.check_name in (*REPAIRABLE, *ASKED_AGAIN, *ASKED_WHOLE) and finding.state != FindingState.GONE
    return FindingLine(finding, label, f"{reverse('backtest')}?{urlencode(query)}", has_repair=has_repair)


@require_GET
@page_permission(Scope.READ)
def findings(request: HttpRequest) -> HttpResponseBase:
    """Open ones where no state is asked for, bad ones first."""
    parameters = {name: str(value) for name, value in request.GET.items()}
    state = parameters.get("state", FindingState.OPEN.value)
    choice = choose_findings({**parameters, "state": "" if state == ANY else state})
    rows = choice.rows.select_related("series__instrument", "user")
    if wants_csv(request):
        return csv_response(FINDINGS, row_chunks(request, FINDINGS, rows))
    page = table_page(request, FINDINGS, rows, implied={"state": state})
    context: dict[str, Any] = {
        "page": page,
        "lines": [_line(finding) for finding in page.rows],
        "asked": {**parameters, "state": state},
        "errors": [f"{name}: {' '.join(texts)}" for name, texts in choice.errors.items()],
        "severities": Severity.choices,
        "states": [*FindingState.choices, (ANY, "Any state")],
        "checks": LABELS.items(),
        "is_filtered": any(parameters.get(name) for name in ("symbol", "universe", "severity", "check"))
        or "state" in parameters,
        "may_change": may(request.user, Scope.DATA),
        "unchecked": changed_series().count(),
    }
    return render(request, "instruments/health.html", context)


@require_POST
@page_permission(Scope.DATA)
def acknowledge(request: HttpRequest, finding_id: int) -> HttpResponse:
    """Back to where it was listed."""
    finding = get_object_or_404(Finding.objects.select_related("series__instrument"), pk=finding_id)
    try:
        finding_acknowledge(finding=finding, reason=request.POST.get("reason", ""), user=person_of(request))
    except NotAcknowledged as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"Acknowledged: {finding}.")
    back = request.POST.get("next", "")
    is_safe = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    return redirect(back if is_safe else "health")
