"""Buttons of a finished run's page: asking for a confirmation, verification or noise control, and cancelling it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may, may_change_run_of
from boursomatic.shared.pages import render_page, wants_fragment
from training.errors import TooLate, TooManyRuns
from training.models import ACTIVE, Status, TrainingRun
from training.recipes.candle.page import part_context
from training.recipes.kinds import kind_about
from training.runs import services
from training.web.presenters.verdict import proof_context

PARTS = {  # that poll by themselves
    "verdict": "training/candle_run/_verdict.html",
    "proof": "training/candle_run/_proof.html",
}
UNIVERSE_PROOF = "training/universe_run/_proof.html"
CONFIRM = "confirm"


@require_POST
@page_permission(Scope.TRAIN)
def start_job(request: HttpRequest, run_id: str, verb: str) -> HttpResponse:
    run = _run(run_id)
    try:
        services.follow_up_create(verb=verb, run=run, user=person_of(request))
    except (TooLate, TooManyRuns) as error:
        return _answer(request, run, verb, str(error))
    return _answer(request, run, verb)


@require_POST
@page_permission(Scope.TRAIN)
def job_cancel(request: HttpRequest, run_id: str, verb: str) -> HttpResponse:
    """By who asked for it, by the run's owner, or by a manager."""
    run = _run(run_id)
    kind = kind_about(verb, run.kind)
    job = run.jobs.filter(kind=kind, status__in=ACTIVE).order_by("-id").first()
    if job is None:
        return _answer(request, run, verb, "It has already ended; there is nothing left to cancel.")
    if not any(may_change_run_of(request.user, owner) for owner in (job.created_by_id, run.created_by_id)):
        raise PermissionDenied("Another member asked for this. Only managers and admins may cancel it.")
    try:
        services.run_cancel(run=job, user=person_of(request))
    except TooLate as error:
        return _answer(request, run, verb, str(error))
    return _answer(request, run, verb)


def show_part(request: HttpRequest, run: TrainingRun, section: str, problem: str = "") -> HttpResponse:
    """A part of a finished run's page that polls by itself."""
    context: dict[str, Any] = part_context(run, section) | {
        "in_dialog": request.GET.get("in") == "dialog",
        "may_train": may(request.user, Scope.TRAIN),
        "problem": problem,
    }
    return render_page(request, "training/candle_run/run.html", PARTS[section], context)


def show_universe_proof(request: HttpRequest, run: TrainingRun, problem: str = "") -> HttpResponse:
    """The proofs of a finished universe run or walk, which poll by themselves."""
    context = proof_context(run) | {"run": run, "may_train": may(request.user, Scope.TRAIN), "problem": problem}
    return render(request, UNIVERSE_PROOF, context)


def _answer(request: HttpRequest, run: TrainingRun, verb: str, problem: str = "") -> HttpResponse:
    if wants_fragment(request) and run.status == Status.COMPLETED:
        if run.universe and verb != CONFIRM:
            return show_universe_proof(request, run, problem)
        if run.series_id is not None:
            return show_part(request, run, "verdict" if verb == CONFIRM else "proof", problem)
    if problem:
        messages.warning(request, problem)
    return redirect("run", run.run_id)


def _run(run_id: str) -> TrainingRun:
    runs = TrainingRun.objects.existing().select_related("series__instrument", "created_by")
    found = runs.filter(run_id=run_id).first()
    if found is None:
        raise Http404("There is no such run. It may have been deleted.")
    return found
