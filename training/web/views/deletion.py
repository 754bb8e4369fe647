"""Pages by which runs go, one, the ticked or all that a filter finds, and by which they come back."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import django_filters
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may_change_run_of
from training.errors import TooLate
from training.filters.runs import RunFilter
from training.models import TrainingRun
from training.recipes.kinds import listed_kinds
from training.runs import deletion
from training.web.views.run_list import filter_context

MOST_TICKED = 200
TICKED = "runs"  # the name of the boxes in the list


class OldRunFilter(RunFilter):
    """The filter of the list of runs, and how long ago they ended."""

    ended_days_ago = django_filters.NumberFilter(
        method="by_age",
        label="ended at least so many days ago",
        min_value=0,
        max_value=36_500,
        widget=forms.NumberInput(attrs={"class": "form-control form-control-sm", "placeholder": "days since its end"}),
    )

    def by_age(self, runs: QuerySet[TrainingRun], _name: str, days: Any) -> QuerySet[TrainingRun]:
        return runs.filter(finished_at__lte=Now() - timedelta(days=float(days)))


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.TRAIN)
def runs_delete(request: HttpRequest) -> HttpResponse:
    """The ticked runs, or a filter, and how many runs and bytes that is; sent, these are deleted, and none that came
    later."""
    person = person_of(request)
    ticked = list(dict.fromkeys(request.GET.getlist(TICKED)))[:MOST_TICKED]
    chosen = OldRunFilter(request.GET, queryset=TrainingRun.objects.existing(), request=request)
    problems = [] if ticked else chosen.problems()
    runs = TrainingRun.objects.filter(run_id__in=ticked) if ticked else TrainingRun.objects.none()
    if not ticked and not problems:
        runs = chosen.qs
    deletable = deletion.deletable(runs, user=person, pinned=bool(ticked))
    kept_back = deletion.kept_back(ticked, user=person) if ticked else []
    through = request.POST.get("through", "")
    if request.method == "POST" and not problems and through.isdecimal() and len(through) < 19:
        why = f"ticked: {', '.join(ticked)}" if ticked else request.GET.urlencode() or "all"
        gone = deletion.runs_delete(
            deletable.filter(pk__lte=int(through)), user=person, why=why, pinned=bool(ticked), deletion=uuid4()
        )
        _tell(request, gone, kept_back)
        return redirect("runs")
    count = deletable.count()
    context = {
        **filter_context(chosen),
        "problems": problems,
        "ticked": ticked,
        "kept_back": kept_back,
        "query": request.GET.urlencode(),
        "count": count,
        "bytes": deletion.bytes_of(deletable, count),
        "is_estimate": count > deletion.MEASURED,
        "through": deletable.aggregate(last=Max("pk"))["last"],
        "minutes": int(deletion.UNDO.total_seconds() // 60),
    }
    return render(request, "training/runs/bulk_delete.html", context, status=400 if request.method == "POST" else 200)


@require_POST
@page_permission(Scope.TRAIN)
def run_restore(request: HttpRequest, run_id: str) -> HttpResponse:
    """Brings back a run that was deleted less than ten minutes ago."""
    run = TrainingRun.objects.of_kinds(listed_kinds()).filter(run_id=run_id).first()
    if run is None:
        raise Http404("There is no such run, not even a deleted one.")
    if not may_change_run_of(request.user, run.created_by_id):
        raise PermissionDenied("This run is another member's. Only managers and admins may bring it back.")
    try:
        deletion.run_undelete(run=run, user=person_of(request))
    except TooLate as error:
        messages.warning(request, str(error))
        return redirect("runs")
    messages.success(request, f"Run {run_id} is back.")
    return redirect("run", run_id)


@require_POST
@page_permission(Scope.TRAIN)
def runs_restore(request: HttpRequest, key: UUID) -> HttpResponse:
    """Brings back all that was deleted together less than ten minutes ago."""
    try:
        count = deletion.runs_undelete(deletion=key, user=person_of(request))
    except TooLate as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, f"{count} {'run is' if count == 1 else 'runs are'} back.")
    return redirect("runs")


def _tell(request: HttpRequest, gone: int, kept_back: list[tuple[str, str]]) -> None:
    """How many went; of those that were ticked, which stayed and why."""
    deleted = f"{gone} {'run is' if gone == 1 else 'runs are'} deleted."
    stayed = "; ".join(f"{run_id}: {why}" for run_id, why in kept_back)
    messages.add_message(
        request,
        messages.SUCCESS if gone else messages.WARNING,
        f"{deleted} Not deleted: {stayed}." if kept_back else deleted,
    )
