"""Pages of what we advise."""

import hashlib
import json

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_GET

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Role, Scope, may, role_of
from boursomatic.shared.csv import csv_text
from boursomatic.shared.pages import render_page, wants_fragment
from predictions.candle.choices import model_choices
from predictions.candle.compare import NotComparable, NotYetComparable, comparable_runs, compare, comparison_rows
from predictions.candle.live_record import live_record
from predictions.web.presenters.checklist import checklist
from predictions.web.presenters.home import home_context
from training.models import TrainingRun
from training.recipes.backup.page import overdue_backup
from training.web.presenters.glossary import GLOSSARY


@require_GET
@page_permission(Scope.READ)
def home(request: HttpRequest) -> HttpResponse:
    """Where a login leads."""
    scopes = {scope for scope in (Scope.DATA, Scope.TRAIN, Scope.ACTIVATE) if may(request.user, scope)}
    context = home_context(request.user) | {"checklist": checklist(scopes), "may_train": Scope.TRAIN in scopes}
    context["may_activate"] = Scope.ACTIVATE in scopes
    context["overdue_backup"] = overdue_backup() if role_of(request.user) is Role.ADMIN else ""
    return render(request, "predictions/home.html", context)


@require_GET
@page_permission(Scope.READ)
def choices(request: HttpRequest) -> HttpResponseBase:
    """What the chart's dropdown of models holds; asked again and again, so 304 while nothing changes."""
    content = json.dumps(model_choices(request.GET.get("symbol", ""), request.GET.get("timeframe", "1d")))
    etag = f'"{hashlib.sha256(content.encode()).hexdigest()[:32]}"'
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        return unchanged
    return HttpResponse(
        content, content_type="application/json", headers={"ETag": etag, "Cache-Control": "private, no-cache"}
    )


@require_GET
@page_permission(Scope.READ)
def runs_compare(request: HttpRequest) -> HttpResponse:
    """`?runs=A,B`, or `runs` several times as tick boxes send it; `format=csv` for a spreadsheet."""
    names = [name for text in request.GET.getlist("runs") for name in text.split(",")]
    try:
        runs = comparable_runs(names)
        if wants_fragment(request):  # of whoever waited for them
            return HttpResponse(headers={"HX-Refresh": "true"})
        comparison = compare(runs)
    except NotYetComparable as error:
        context = {"problem": str(error), "is_waiting": True}
        return render_page(request, "predictions/candle/compare.html", "predictions/candle/_waiting.html", context)
    except NotComparable as error:
        if wants_fragment(request):
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "predictions/candle/compare.html", {"problem": str(error)}, status=400)
    if request.GET.get("format") == "csv":
        headers = {"Content-Disposition": 'attachment; filename="compared-runs.csv"'}
        return HttpResponse(
            csv_text(comparison_rows(comparison)), content_type="text/csv; charset=utf-8", headers=headers
        )
    context = {
        "comparison": comparison,
        "names": ",".join(run.run_id for run in comparison.runs),
        "parts": [run.run_id for run in comparison.runs],
        "glossary": GLOSSARY,
    }
    return render(request, "predictions/candle/compare.html", context)


@require_GET
@page_permission(Scope.READ)
def record(request: HttpRequest, run_id: str) -> HttpResponse:
    """The live record of a run's model, which the run's own page fetches."""
    run = get_object_or_404(TrainingRun.objects.existing(), run_id=run_id, subject=None, universe=None)
    decides_at_open = run.config.get("decision") == "next_open"
    context = {"record": live_record(run), "parts": ("Test window", "Live"), "decides_at_open": decides_at_open}
    return render(request, "predictions/candle/_live_record.html", context)
