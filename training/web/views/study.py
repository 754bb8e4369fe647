"""Pages of studies: one as it goes, in the dialog or as a page, what it took, and the run that follows it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.pages import render_page, wants_fragment
from boursomatic.shared.tables import csv_response, slice_page, sorted_lines, wants_csv
from training.errors import TooLate, TooManyRuns
from training.models import Status, StudyTrial, TrainingRun
from training.recipes.study.page import (
    noise_context,
    record_context,
    search_trial_cells,
    search_trials_table,
    started_context,
    study_context,
)
from training.recipes.study.recipe import RECIPE as STUDY
from training.recipes.study.spec import StudySpec, rotated_twin
from training.runs import services
from training.web.views.annotations import annotations_context
from training.web.views.candle_run import show_after
from training.web.views.runs import changeable_run, find_run, show_run

PARTS = {  # of a completed study's page, that poll by themselves
    "started": ("training/study/_started.html", started_context),
    "noise": ("training/study/_noise.html", noise_context),
}


def show(request: HttpRequest, run: TrainingRun) -> HttpResponseBase:
    """A study's page, or the fragment that polls while it goes on. In the dialog the run that it started takes its
    place."""
    is_completed = run.status == Status.COMPLETED
    if is_completed and wants_csv(request):
        return _csv(request, run)
    section = request.GET.get("part", "")
    if section in PARTS and wants_fragment(request) and is_completed:
        return _part(request, run, section)
    in_dialog = request.GET.get("in") == "dialog" and wants_fragment(request)
    started = TrainingRun.objects.existing().filter(run_id=run.result.get("run_id")).first() if in_dialog else None
    if started:
        return show_after(request, find_run(started.run_id), study=run)
    context = study_context(run) | annotations_context(request, run) | {"in_dialog": in_dialog}
    context |= {"may_train": may(request.user, Scope.TRAIN)}
    if not in_dialog:
        context |= record_context(run)
    if is_completed and not in_dialog:
        context |= started_context(run) | noise_context(run)
        context |= _trials_table(request, run, context["trials"])
    return render_page(request, "training/study/study.html", "training/study/_study.html", context)


@require_POST
@page_permission(Scope.TRAIN)
def stop(request: HttpRequest, run_id: str) -> HttpResponseBase:
    """Ends a study after the trial under way; the best so far is taken."""
    run = _study(changeable_run(request, run_id))
    try:
        services.run_stop(run=run, user=person_of(request))
    except TooLate as error:
        if not wants_fragment(request):
            messages.warning(request, str(error))
    return show_run(request, find_run(run_id)) if wants_fragment(request) else redirect("run", run_id)


@require_POST
@page_permission(Scope.TRAIN)
def rotate(request: HttpRequest, run_id: str) -> HttpResponseBase:
    """The same study on labels rotated in time, as many trials: what luck finds."""
    run, problem = _study(find_run(run_id)), ""
    if run.status != Status.COMPLETED:
        raise Http404("This study has no result to compare with.")
    try:
        spec = rotated_twin(StudySpec.from_dict(run.config), trials=run.result["trials"])
        services.run_create(user=person_of(request), spec=spec)
    except TooManyRuns as error:
        problem = str(error)
    if wants_fragment(request):
        return _part(request, run, "noise", problem)
    if problem:
        messages.warning(request, problem)
    return redirect("run", run_id)


def _part(request: HttpRequest, run: TrainingRun, section: str, problem: str = "") -> HttpResponse:
    template, context_of = PARTS[section]
    context: dict[str, Any] = context_of(run) | {"problem": problem, "may_train": may(request.user, Scope.TRAIN)}
    return render_page(request, "training/study/study.html", template, context)


def _trials_table(request: HttpRequest, run: TrainingRun, trials: Sequence[StudyTrial]) -> dict[str, Any]:
    table = search_trials_table(run.config["space"], run.result["folds"])
    page = slice_page(request, table, sorted_lines(table, trials, table.order_of(request.GET.get("sort", ""))))
    rows = [search_trial_cells(table, trial, page.shown) for trial in page.rows]
    return {"page": page, "trial_rows": rows}


def _csv(request: HttpRequest, run: TrainingRun) -> HttpResponseBase:
    table = search_trials_table(run.config["space"], run.result["folds"])
    trials = list(StudyTrial.objects.filter(study=run).order_by("number"))
    return csv_response(table, [sorted_lines(table, trials, table.order_of(request.GET.get("sort", "")))])


def _study(run: TrainingRun) -> TrainingRun:
    if run.kind != STUDY.kind:
        raise Http404("This run is no study.")
    return run
