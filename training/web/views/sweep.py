"""Pages of sweeps: the map, a cell, its cells as CSV, and a cell made a run."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.csv import csv_text
from boursomatic.shared.pages import render_page, wants_fragment
from instruments.store.read_bars import default_symbol
from training.errors import TooManyRuns
from training.models import TrainingRun
from training.quant.candle.spec import SpecError
from training.recipes.sweep.form import SweepForm, initial_values
from training.recipes.sweep.page import (
    cell_context,
    compared_context,
    csv_lines,
    preview_context,
    progress_context,
    sweep_context,
)
from training.recipes.sweep.promote import cell_spec
from training.recipes.sweep.recipe import RECIPE as SWEEP
from training.recipes.sweep.spec import SweepSpec
from training.runs import services
from training.web.views.annotations import annotations_context
from training.web.views.runs import NO_RUN, find_run

SHOW = "show"
PROGRESS = "progress"  # the part of the page that polls


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.TRAIN)
def sweep_new(request: HttpRequest) -> HttpResponse:
    """The form with what it would take; sent, it starts a sweep. The chart sends its candles with `show`, which shows
    them in the form."""
    if request.method != "POST" or SHOW in request.POST:
        values = request.POST if request.method == "POST" else request.GET
        return _form(request, SweepForm(_opened(values.dict())))
    form, status = SweepForm(request.POST), 400
    if form.is_valid():
        try:
            run = services.run_create(user=person_of(request), spec=form.spec)
        except SpecError as error:
            form.refuse(error)
        except TooManyRuns as error:
            form.add_error(None, str(error))
            status = 429
        else:
            return redirect("run", run.run_id)
    return _form(request, form, status)


@require_POST
@page_permission(Scope.TRAIN)
def sweep_preview(request: HttpRequest) -> HttpResponse:
    """What the form, as it is filled in now, would take. A POST, since the candles may be many."""
    return render(request, "training/sweep/_preview.html", _preview(SweepForm(request.POST)))


def show(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """A sweep's page, or what of it changes while it is on its way; that answers all of it once it has ended."""
    asks_progress = wants_fragment(request) and request.GET.get("part") == PROGRESS
    if asks_progress and not run.is_terminal:
        return render(request, "training/sweep/_progress.html", progress_context(run))
    context = sweep_context(run) | annotations_context(request, run) | {"may_train": may(request.user, Scope.TRAIN)}
    response = render_page(request, "training/sweep/run.html", "training/sweep/_run.html", context)
    if asks_progress:
        response["HX-Retarget"], response["HX-Reswap"] = "#run-live", "outerHTML"
    return response


@require_GET
@page_permission(Scope.READ)
def cell(request: HttpRequest, run_id: str, number: int) -> HttpResponse:
    """One cell, below the map or as a page."""
    context = cell_context(_sweep(run_id), number) | {"may_train": may(request.user, Scope.TRAIN)}
    return render_page(request, "training/sweep/cell.html", "training/sweep/_cell.html", context)


@require_GET
@page_permission(Scope.READ)
def cells_csv(request: HttpRequest, run_id: str) -> HttpResponseBase:
    """All cells that are finished."""
    run = _sweep(run_id)
    text = csv_text(csv_lines(run, SweepSpec.from_dict(run.config)))
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="sweep-{run_id}.csv"'
    return response


@require_POST
@page_permission(Scope.TRAIN)
def promote(request: HttpRequest, run_id: str, number: int) -> HttpResponse:
    """Makes a cell a candle run of its own, and shows it."""
    try:
        run = services.run_create(spec=cell_spec(_sweep(run_id), number), user=person_of(request))
    except (SpecError, TooManyRuns) as error:
        messages.warning(request, str(error))
        return redirect("run", run_id)
    return redirect("run", run.run_id)


@require_GET
@page_permission(Scope.READ)
def compared(request: HttpRequest, run_id: str) -> HttpResponse:
    """Two rows of the map side by side: `one` and `other` are their places."""
    places = [request.GET.get(name, "") for name in ("one", "other")]
    one, other = (int(place) if place.isdecimal() and len(place) < 5 else 0 for place in places)
    context = compared_context(_sweep(run_id), one, other) | {"run_id": run_id}
    return render_page(request, "training/sweep/compared.html", "training/sweep/_compared.html", context)


def _opened(query: Mapping[str, str]) -> dict[str, Any]:
    values = initial_values(query)
    return values if values.get("symbol") else {**values, "symbol": default_symbol()}


def _form(request: HttpRequest, form: SweepForm, status: int = 200) -> HttpResponse:
    context = _preview(form) | {"is_sent": status != 200}
    return render(request, "training/sweep/new.html", context, status=status)


def _preview(form: SweepForm) -> dict[str, Any]:
    if form.is_valid():
        try:
            return {"form": form, "preview": preview_context(form.spec)}
        except SpecError as error:
            form.refuse(error)
    return {"form": form, "preview": None}


def _sweep(run_id: str) -> TrainingRun:
    run = find_run(run_id)
    if run.kind != SWEEP.kind:
        raise Http404(NO_RUN)
    return run
