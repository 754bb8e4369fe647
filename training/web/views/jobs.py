"""Buttons of a finished run's page: asking for a confirmation, verification or noise control, and cancelling it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may, may_change_run_of
from boursomatic.shared.pages import render_page, wants_fragment
from training.errors import TooLate, TooManyRuns
from training.models import ACTIVE, Status, TrainingRun
from training.recipes.candle.page import part_context
from training.recipes.confirmation.recipe import RECIPE as CONFIRMATION
from training.recipes.kinds import listed_kinds
from training.runs import services

PARTS = {  # that poll by themselves
    "verdict": "training/candle_run/_verdict.html",
    "proof": "training/candle_run/_proof.html",
}


@require_POST
@page_permission(Scope.TRAIN)
def start_job(request: HttpRequest, run_id: str, kind: str) -> HttpResponse:
    run = _run(run_id)
    try:
        services.follow_up_create(kind=kind, run=run, user=person_of(request))
    except (TooLate, TooManyRuns) as error:
        return _answer(request, run, kind, str(error))
    return _answer(request, run, kind)


@require_POST
@page_permission(Scope.TRAIN)
def job_cancel(request: HttpRequest, run_id: str, kind: str) -> HttpResponse:
    """By who asked for it, by the run's owner, or by a manager."""
    run = _run(run_id)
    job = run.jobs.filter(kind=kind, status__in=ACTIVE).order_by("-id").first()
    if job is None:
        return _answer(request, run, kind, "It has already ended; there is nothing left to cancel.")
    if not any(may_change_run_of(request.user, owner) for owner in (job.created_by_id, run.created_by_id)):
        raise PermissionDenied("Another member asked for this. Only managers and admins may cancel it.")
    try:
        services.run_cancel(run=job, user=person_of(request))
    except TooLate as error:
        return _answer(request, run, kind, str(error))
    return _answer(request, run, kind)


def show_part(request: HttpRequest, run: TrainingRun, section: str, problem: str = "") -> HttpResponse:
    """A part of a finished run's page that polls by itself."""
    context: dict[str, Any] = part_context(run, section) | {
        "in_dialog": request.GET.get("in") == "dialog",
        "may_train": may(request.user, Scope.TRAIN),
        "problem": problem,
    }
    return render_page(request, "training/candle_run/run.html", PARTS[section], context)


def _answer(request: HttpRequest, run: TrainingRun, kind: str, problem: str = "") -> HttpResponse:
    if wants_fragment(request) and run.status == Status.COMPLETED and run.series_id is not None:
        return show_part(request, run, "verdict" if kind == CONFIRMATION.kind else "proof", problem)
    if problem:
        messages.warning(request, problem)
    return redirect("run", run.run_id)


def _run(run_id: str) -> TrainingRun:
    runs = TrainingRun.objects.existing().of_kinds(listed_kinds()).select_related("series__instrument", "created_by")
    found = runs.filter(run_id=run_id).first()
    if found is None:
        raise Http404("There is no such run. It may have been deleted.")
    return found
