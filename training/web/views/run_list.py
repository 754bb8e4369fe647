"""The list of runs: filtered by what it shows, page by page by key, with what can be brought back above it."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.pages import render_page, wants_fragment
from boursomatic.shared.tables import PARAMETERS, csv_response, row_chunks, table_page, wants_csv
from training.filters.runs import SHOWN_ALWAYS, RunFilter
from training.models import ACTIVE, TrainingRun
from training.recipes.candle.page import run_lines
from training.runs.deletion import recent_deletions
from training.web.presenters.progress import under_way
from training.web.tables import RUNS


@require_GET
@page_permission(Scope.READ)
def runs(request: HttpRequest) -> HttpResponseBase:
    """Newest first where no order is asked for; `format=csv` is all that the filters leave."""
    if not all(request.GET.values()):  # fields that a form left empty: the address keeps what was said alone
        filled = {name: value for name, value in request.GET.items() if value}
        return redirect(f"{request.path}?{urlencode(filled)}" if filled else request.path)
    chosen = RunFilter(request.GET, queryset=TrainingRun.objects.existing().light(), request=request)
    problems = chosen.problems(*PARAMETERS)
    rows = TrainingRun.objects.none() if problems else chosen.qs
    if wants_csv(request):
        return csv_response(RUNS, (run_lines(chunk) for chunk in row_chunks(request, RUNS, rows)))
    page = table_page(request, RUNS, rows)
    lines = run_lines(page.rows)
    context = {
        **filter_context(chosen),
        "problems": problems,
        "page": page,
        "lines": lines,
        "under_way": under_way([line.run for line in lines]),
        "is_moving": any(line.run.status in ACTIVE or line.is_confirming for line in lines),
        "may_train": may(request.user, Scope.TRAIN),
    }
    if not wants_fragment(request) and context["may_train"] and isinstance(request.user, User):
        context["deletions"] = recent_deletions(request.user)
    return render_page(request, "training/runs/list.html", "training/runs/_list.html", context)


def filter_context(chosen: RunFilter) -> dict[str, Any]:
    """For `_filters.html`: the fields that stand there always, and those that unfold."""
    fields = list(chosen.form)
    seldom = [field for field in fields if field.name not in SHOWN_ALWAYS]
    return {
        "always_shown": [field for field in fields if field.name in SHOWN_ALWAYS],
        "seldom": seldom,
        "is_unfolded": any(field.name in chosen.data for field in seldom),
        "is_filtered": any(field.name in chosen.data for field in fields),
    }
