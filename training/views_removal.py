"""Pages by which runs go, many at a time, and by which one comes back."""

from datetime import timedelta
from typing import Any

import django_filters
from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_POST

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope, may_change_run_of
from training import removal
from training.errors import TooLate
from training.filters import RunFilter
from training.models import TrainingRun


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
    """The filter, then how many runs and bytes it finds; sent, these are deleted, and none that came later."""
    person = _person(request)
    chosen = OldRunFilter(request.GET, queryset=TrainingRun.objects.existing(), request=request)
    found = removal.deletable(chosen.qs if chosen.is_valid() else TrainingRun.objects.none(), user=person)
    if request.method != "POST":
        return _preview(request, chosen, found)
    through = request.POST.get("through", "")
    if not chosen.is_valid() or not (through.isdecimal() and len(through) < 19):
        return _preview(request, chosen, found, status=400)
    gone = removal.runs_delete(found.filter(pk__lte=int(through)), user=person, why=request.GET.urlencode() or "all")
    messages.success(request, f"{gone} {'run is' if gone == 1 else 'runs are'} deleted.")
    return redirect("runs")


@require_POST
@page_permission(Scope.TRAIN)
def run_restore(request: HttpRequest, run_id: str) -> HttpResponse:
    """Brings back a run that was deleted less than ten minutes ago."""
    run = TrainingRun.objects.trainings().filter(run_id=run_id).first()
    if run is None:
        raise Http404("There is no such run, not even a deleted one.")
    if not may_change_run_of(request.user, run.created_by_id):
        raise PermissionDenied("This run is another member's. Only managers and admins may bring it back.")
    try:
        removal.run_undelete(run=run, user=_person(request))
    except TooLate as error:
        messages.warning(request, str(error))
        return redirect("runs")
    messages.success(request, f"Run {run_id} is back.")
    return redirect("run", run_id)


def undo_offered(request: HttpRequest, run_id: str) -> SafeString:
    """What a page says after a run was deleted, with a button that brings it back."""
    return format_html(
        '<form class="undo" method="post" action="{}">Run {} is deleted. '
        '<input type="hidden" name="csrfmiddlewaretoken" value="{}">'
        '<button class="btn btn-sm" type="submit">Undo</button></form>',
        reverse("run-restore", args=[run_id]),
        run_id,
        get_token(request),
    )


def _preview(
    request: HttpRequest, chosen: OldRunFilter, found: QuerySet[TrainingRun], status: int = 200
) -> HttpResponse:
    context = {
        "filter": chosen,
        "query": request.GET.urlencode(),
        "count": found.count(),
        "bytes": removal.bytes_of(found),
        "through": found.aggregate(last=Max("pk"))["last"],
        "minutes": int(removal.UNDO.total_seconds() // 60),
    }
    return render(request, "training/bulk_delete.html", context, status=status)


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None
