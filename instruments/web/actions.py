"""The page of splits and dividends, and of what the prices of a series are adjusted by."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.tables import csv_response, row_chunks, table_page, wants_csv
from instruments.imports import actions as services
from instruments.imports.action_report import ActionReport
from instruments.imports.report import REJECT, SKIP
from instruments.models import Basis, CorporateAction, Series, Timeframe
from instruments.web.tables import ACTIONS

LARGEST = 20_000_000  # bytes of a file
SHOWN = 20  # bad rows, changes


@dataclass(frozen=True)
class SeriesBasis:
    """What prices of a series are adjusted by, and by which other basis they could be; "" where by none."""

    series: Series
    actions: int
    other: str

    @property
    def other_label(self) -> str:
        return Basis(self.other).label if self.other else ""


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.READ, write=Scope.DATA)
def actions(request: HttpRequest) -> HttpResponseBase:
    """Of all instruments, or of the one that is asked for, with the basis of its series; managers upload files."""
    report, status = None, 200
    if request.method == "POST":
        report = _import(request)
        status = 400 if report.refused else 200
    symbol = request.GET.get("symbol", "").strip().replace("\0", "")
    rows = CorporateAction.objects.select_related("series__instrument")
    if symbol:
        rows = rows.filter(series__instrument__symbol=symbol)
    if wants_csv(request):
        return csv_response(ACTIONS, row_chunks(request, ACTIONS, rows))
    context: dict[str, Any] = {
        "page": table_page(request, ACTIONS, rows),
        "symbol": symbol,
        "bases": _bases(symbol) if symbol else [],
        "may_change": may(request.user, Scope.DATA),
        "report": report,
        "problems": report.problems[:SHOWN] if report else [],
        "changes": report.changes[:SHOWN] if report else [],
    }
    return render(request, "instruments/actions.html", context, status=status)


@require_POST
@page_permission(Scope.DATA)
def series_basis(request: HttpRequest, series_id: int) -> HttpResponse:
    """Said by a manager."""
    series = get_object_or_404(Series.objects.select_related("instrument"), pk=series_id)
    basis = request.POST.get("basis", "")
    if basis not in Basis.values:
        messages.warning(request, "Say which basis it is to have.")
    else:
        try:
            services.basis_set(series=series, basis=basis, user=request.user)
        except services.BasisRefused as refusal:
            messages.warning(request, str(refusal))
        else:
            messages.success(request, f"{series} is read by the {Basis(basis).label}.")
    return redirect(_address(series.instrument.symbol))


@require_POST
@page_permission(Scope.DATA)
def action_delete(request: HttpRequest, action_id: int) -> HttpResponse:
    """One that never was."""
    action = get_object_or_404(CorporateAction.objects.select_related("series__instrument"), pk=action_id)
    services.action_delete(action=action, user=request.user)
    messages.success(request, f"Deleted: {action}.")
    return redirect(_address(action.series.instrument.symbol))


def _address(symbol: str) -> str:
    return f"{reverse('actions')}?{urlencode({'symbol': symbol})}"


def _bases(symbol: str) -> list[SeriesBasis]:
    series = Series.objects.filter(instrument__symbol=symbol).annotate(held=Count("actions")).order_by("timeframe")
    return [SeriesBasis(member, member.held, _other_basis(member)) for member in series]


def _other_basis(series: Series) -> str:
    if series.timeframe == Timeframe.WEEK:
        return ""
    return Basis.VENDOR if series.basis == Basis.AS_TRADED else Basis.AS_TRADED


def _import(request: HttpRequest) -> ActionReport:
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile) or not file.size:
        return ActionReport(refused="Choose a file with the columns symbol, ex_day, kind, and ratio or amount.")
    if file.size > LARGEST:
        return ActionReport(refused=f"The file is larger than {LARGEST // 1_000_000} MB. Send it in parts.")
    with NamedTemporaryFile(prefix="actions-") as copy:
        for chunk in file.chunks():
            copy.write(chunk)
        copy.flush()
        return services.actions_file_import(
            path=Path(copy.name),
            name=(file.name or "the file")[:60],
            user=request.user,
            on_bad=SKIP if request.POST.get("on_bad") == SKIP else REJECT,
        )
