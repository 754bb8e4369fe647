"""Pages of recommendations: a day's list, and why one was made."""

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope, may
from boursomatic.notices.models import OF_MODELS, Notice
from boursomatic.shared.csv import csv_text
from boursomatic.shared.pages import render_page
from boursomatic.shared.tables import csv_response, lines_page, wants_csv
from predictions.models import Recommendation
from predictions.recommendations.as_json import FIELDS, recommendations_json
from predictions.recommendations.drift import drift_look
from predictions.recommendations.scorecard import scorecard_context
from predictions.web.presenters.positions import FIELDS as POSITION
from predictions.web.presenters.positions import all_positions, position_page
from predictions.web.presenters.recommendations import chosen_rows, chosen_set, reasons, set_context
from predictions.web.tables import SCORECARD, month_lines, sort_months
from training.errors import RunRefused
from training.models import ModelVersion
from training.quant.candle.spec import COST_BP
from training.quant.stats.stability import STRETCH

NOTICES = 50  # the newest


@require_GET
@page_permission(Scope.READ)
def recommendations(request: HttpRequest) -> HttpResponse:
    """`?day=&version=&label=&sort=`; `format=csv` for a spreadsheet: the whole day as it is filtered and sorted."""
    query = request.GET.dict()
    if query.get("format") == "csv":
        return _csv(query)
    context = set_context(query)
    params = request.GET.copy()
    for name in ("from", "format"):
        params.pop(name, None)
    without = {name: params.copy() for name in ("sort", "day")}
    for name, changed in without.items():
        changed.pop(name, None)
    context |= {
        "may_train": may(request.user, Scope.TRAIN),
        "query": params.urlencode(),
        **{f"query_without_{name}": changed.urlencode() for name, changed in without.items()},
    }
    return render(request, "predictions/recommendations/day.html", context)


@require_GET
@page_permission(Scope.PREDICT)
def why(request: HttpRequest, number: int) -> HttpResponse:
    """What weighed most in one recommendation, page or fragment."""
    row = get_object_or_404(Recommendation.objects.select_related("set", "series__instrument"), pk=number)
    context = {"row": row, "reasons": [], "problem": ""}
    if not row.label:
        context["problem"] = "No recommendation was made for this instrument on that day."
    else:
        try:
            context["reasons"] = reasons(row)
        except RunRefused as error:
            context["problem"] = str(error)
        except ModelVersion.DoesNotExist:
            context["problem"] = "The model was deleted since: its recommendation stays, the reasons are gone."
    page, fragment = "predictions/recommendations/why.html", "predictions/recommendations/_why.html"
    return render_page(request, page, fragment, context)


@require_GET
@page_permission(Scope.READ)
def scorecard(request: HttpRequest) -> HttpResponseBase:
    """Predicted and realised precision of BUY, by model and month; `format=csv` is all months of all models."""
    scored = scorecard_context()
    lines = [line for of in scored["models"] for line in month_lines(of, is_replay=False)]
    lines += [line for of in scored["replays"] for line in month_lines(of, is_replay=True)]
    page = lines_page(request, SCORECARD, lines)
    if wants_csv(request):
        return csv_response(SCORECARD, [page.rows])
    context = {
        "page": page,
        "models": [sort_months(of, page.order) for of in scored["models"]],
        "replays": [sort_months(of, page.order) for of in scored["replays"]],
        "may_score": may(request.user, Scope.DATA),
        "may_train": may(request.user, Scope.TRAIN),
    }
    return render(request, "predictions/recommendations/scorecard.html", scored | context)


@require_GET
@page_permission(Scope.READ)
def positions(request: HttpRequest, version: str) -> HttpResponse:
    """`?replay=1&before=`; `format=csv` for a spreadsheet: all of them."""
    is_replay, before = request.GET.get("replay") == "1", request.GET.get("before", "")
    if before and not re.fullmatch(r"\d{4}-\d\d-\d\d\.\d{1,18}", before):
        raise Http404("No such page of positions.")
    scope = {"replay": "1"} if is_replay else {}
    if request.GET.get("format") == "csv":
        cells = ([getattr(line, name) for name in POSITION] for line in all_positions(version, replay=is_replay))
        return _csv_file(chain([POSITION], cells), f"positions-{version}{'-replay' if is_replay else ''}.csv")
    lines, older = position_page(version, replay=is_replay, before=before)
    context = {
        "version": version,
        "is_replay": is_replay,
        "positions": lines,
        "shown": POSITION,
        "cost_bp": COST_BP,
        "older": older,
        "older_query": urlencode(scope | {"before": older}),
        "csv_query": urlencode(scope | {"format": "csv"}),
    }
    return render(request, "predictions/recommendations/positions.html", context)


@require_GET
@page_permission(Scope.READ)
def drift(request: HttpRequest) -> HttpResponse:
    """Each active model as it is now, and what was noticed of any."""
    context = {
        "reports": drift_look(),
        "notices": Notice.objects.filter(kind__in=OF_MODELS)[:NOTICES],
        "window_days": STRETCH,
    }
    return render(request, "predictions/recommendations/drift.html", context)


def _csv(query: dict[str, str]) -> HttpResponse:
    found = chosen_set(query)
    rows = recommendations_json(list(chosen_rows(found, query))) if found else []
    cells = [[" ".join(v) if isinstance(v := row[name], list) else v for name in FIELDS] for row in rows]
    return _csv_file([FIELDS, *cells], f"recommendations-{found.as_of}.csv" if found else "recommendations.csv")


def _csv_file(rows: Iterable[Sequence[object]], name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(csv_text(rows), content_type="text/csv; charset=utf-8", headers=headers)
