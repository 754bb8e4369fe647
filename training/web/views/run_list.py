"""The list of runs: filtered by what it shows, page by page by key, with what can be brought back above it."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.pages import render_page, wants_fragment
from boursomatic.shared.paging import keyset_page
from training.evidence.candle import CandleVerdict, candle_verdicts
from training.evidence.universe import universe_verdicts
from training.filters.runs import SHOWN_ALWAYS, RunFilter
from training.models import ACTIVE, TrainingRun
from training.recipes.candle.page import run_line
from training.runs.deletion import recent_deletions

PAGE = 50  # runs


@require_GET
@page_permission(Scope.READ)
def runs(request: HttpRequest) -> HttpResponse:
    """Newest first: as quick at a hundred thousand runs as at ten."""
    if not all(request.GET.values()):  # fields that a form left empty: the address keeps what was said alone
        filled = {name: value for name, value in request.GET.items() if value}
        return redirect(f"{request.path}?{urlencode(filled)}" if filled else request.path)
    chosen = RunFilter(request.GET, queryset=TrainingRun.objects.existing().light(), request=request)
    problems = chosen.problems("before")
    before = request.GET.get("before", "")
    shown, older = keyset_page(
        TrainingRun.objects.none() if problems else chosen.qs,
        before=int(before) if before.isdecimal() and len(before) < 19 else 0,
        size=PAGE,
    )
    verdicts, of_universes = candle_verdicts(shown), universe_verdicts(shown)
    query = request.GET.copy()
    query.pop("before", None)
    context = {
        **filter_context(chosen),
        "problems": problems,
        "rows": [run_line(run, verdicts[run.pk].verdict, of_universes.get(run.pk)) for run in shown],
        "older": older,
        "query": query.urlencode(),
        "is_newest": not before,
        "is_moving": any(run.status in ACTIVE or _is_confirming(verdicts[run.pk]) for run in shown),
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


def _is_confirming(candle_verdict: CandleVerdict) -> bool:
    return candle_verdict.confirmation is not None and candle_verdict.confirmation.status in ACTIVE
