"""Pages of runs: the dialog that starts one, and each run's own page."""

from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope, may, may_change_run_of
from boursomatic.shared.pages import render_page, wants_fragment
from instruments.quant.features.candle import FEATURE_SETS
from instruments.store.read_bars import default_symbol
from training.artifacts.storage import artifact_storage
from training.errors import TooLate, TooManyRuns
from training.evidence.universe import OF_UNIVERSES
from training.models import Kind, Status, TrainingRun
from training.quant.candle.spec import RANGES, SpecError
from training.queue import leases
from training.recipes.candle.form import CandleForm, initial_values
from training.recipes.candle.page import run_context
from training.runs import services
from training.web.presenters.trials import tries_context
from training.web.views.annotations import description_context
from training.web.views.jobs import PARTS, show_part
from training.web.views.universe_run import show_universe

NO_RUN = "There is no such run. It may have been deleted."


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.TRAIN)
def run_new(request: HttpRequest) -> HttpResponse:
    """The form, as dialog or as page; sent, it starts a run."""
    if request.method != "POST":
        return _form(request, CandleForm(initial=_initial(request)))
    form = CandleForm(request.POST)
    status = 400
    if form.is_valid():
        try:
            parent = _parent(request.POST.get("from"))
            spec = replace(form.spec, **_unshown(parent))
            run = services.candle_run_create(user=_person(request), spec=spec, parent=parent)
        except SpecError as error:
            form.refuse(error)
        except TooManyRuns as error:
            form.add_error(None, str(error))
            status = 429
        else:
            if not wants_fragment(request):
                return redirect("run", run.run_id)
            return _show(request, _run(run.run_id), in_dialog=True)
    return _form(request, form, status=status)


@require_GET
@page_permission(Scope.READ)
def run_preview(request: HttpRequest) -> JsonResponse:
    """What a click on a candle would use, for the chart's bands."""
    form = CandleForm({**_defaults(), **request.GET.dict(), "candle_date": request.GET.get("candle", "")})
    try:
        if form.is_valid():
            found = services.candle_preview(spec=form.spec)
            return JsonResponse({**found, "test_window_size": form.spec.test_window_size})
        problem = " ".join(str(message) for found in form.errors.values() for message in found)
    except SpecError as error:
        problem = " ".join(message for found in error.errors.values() for message in found)
    return JsonResponse({"problem": problem}, status=400)


@require_GET
@page_permission(Scope.READ)
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """A run's page; its fragments poll this same address until the run, and the jobs about it, have ended."""
    about = TrainingRun.objects.existing().filter(run_id=run_id, subject__isnull=False).select_related("subject")
    if (job := about.first()) and job.subject:
        return redirect("run", job.subject.run_id)
    found = _run(run_id)
    if found.status == Status.RUNNING or found.jobs.filter(status=Status.RUNNING).exists():
        leases.release_lost()  # a run whose worker died says so as soon as someone looks
        found = _run(run_id)
    part = request.GET.get("part", "") if found.kind == Kind.CANDLE else ""
    if part in PARTS and wants_fragment(request) and found.status == Status.COMPLETED:
        return show_part(request, found, part)
    return _show(request, found, in_dialog=request.GET.get("in") == "dialog")


@require_POST
@page_permission(Scope.TRAIN)
def run_cancel(request: HttpRequest, run_id: str) -> HttpResponse:
    found = _changeable(request, run_id)
    try:
        found = services.run_cancel(run=found, user=_person(request))
    except TooLate as error:
        if not wants_fragment(request):
            messages.warning(request, str(error))
    if wants_fragment(request):
        return _show(request, _run(run_id), in_dialog=request.GET.get("in") == "dialog")
    return redirect("run", run_id)


@require_POST
@page_permission(Scope.TRAIN)
def run_delete(request: HttpRequest, run_id: str) -> HttpResponse:
    found = _changeable(request, run_id)
    try:
        services.run_delete(run=found, user=_person(request))
    except TooLate as error:
        messages.warning(request, str(error))
        return redirect("run", run_id)
    messages.success(request, f"Run {run_id} is deleted.")
    return redirect("runs")


@require_GET
@page_permission(Scope.READ)
def run_file(request: HttpRequest, run_id: str, name: str) -> HttpResponseBase:
    """A file of the run's folder, to take away. Only names that the run wrote are served."""
    model = getattr(_run(run_id), "model_version", None)
    if model is None or name not in model.files:
        raise Http404("This run has no such file.")
    path = f"{model.folder}/{name}"
    storage = artifact_storage()
    if not storage.exists(path):
        raise Http404("This file is missing from the disk. `python manage.py verify_artifacts` says what else is.")
    return FileResponse(storage.open(path), as_attachment=True, filename=name)


@require_GET
@page_permission(Scope.READ)
def tries(request: HttpRequest) -> HttpResponse:
    """The team's tries on one series against Holm's line."""
    return render(request, "training/trials/list.html", tries_context(request.GET))


def _form(request: HttpRequest, form: CandleForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "symbol": form["symbol"].value(),
        "timeframe": form["timeframe"].value(),
        "from": request.POST.get("from") or request.GET.get("from", ""),
        "in_dialog": wants_fragment(request),
        "warnings": [(name, each.warning) for name, each in FEATURE_SETS.items() if each.warning],
    }
    page, fragment = "training/candle_run/new.html", "training/candle_run/_form.html"
    return render_page(request, page, fragment, context, status=status)


def _initial(request: HttpRequest) -> dict[str, Any]:
    parent = _parent(request.GET.get("from"))
    query = request.GET.dict()
    if parent is None and not query.get("symbol"):
        query["symbol"] = default_symbol()
    return initial_values(query, parent.config if parent else None)


def _defaults() -> dict[str, str]:
    return {name: f"{wanted.default:g}" for name, wanted in RANGES.items()} | {"timeframe": "1d"}


def _show(request: HttpRequest, found: TrainingRun, *, in_dialog: bool) -> HttpResponse:
    if found.kind in OF_UNIVERSES:
        return show_universe(request, found)
    context = run_context(found) | description_context(request, found)
    context |= {"in_dialog": in_dialog and wants_fragment(request), "may_train": may(request.user, Scope.TRAIN)}
    return render_page(request, "training/candle_run/run.html", "training/candle_run/_run.html", context)


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


def _run(run_id: str) -> TrainingRun:
    rows = (
        TrainingRun.objects.existing()
        .trainings()
        .select_related("series__instrument", "created_by", "parent", "model_version", "description")
        .prefetch_related("tags")
    )
    found = rows.filter(run_id=run_id).first()
    if found is None:
        raise Http404(NO_RUN)
    return found


def _parent(run_id: str | None) -> TrainingRun | None:
    candle_runs = TrainingRun.objects.existing().filter(kind=Kind.CANDLE)
    return candle_runs.filter(run_id=run_id).first() if run_id else None


def _unshown(earlier: TrainingRun | None) -> dict[str, Any]:
    """Settings of an earlier run that the form has no field for: they stay when it is trained again."""
    return {name: earlier.config[name] for name in ("seed", "confirm") if name in earlier.config} if earlier else {}


def _changeable(request: HttpRequest, run_id: str) -> TrainingRun:
    found = _run(run_id)
    if not may_change_run_of(request.user, found.created_by_id):
        raise PermissionDenied("This run is another member's. Only managers and admins may change it.")
    return found
