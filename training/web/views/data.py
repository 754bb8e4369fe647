"""Uploads stored and sources refreshed on pages, and the pages of such runs."""

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope
from instruments.imports.uploads import upload_find, upload_hold
from instruments.web.forms import UploadForm
from training.errors import TooManyRuns
from training.models import Status, TrainingRun
from training.quant.candle.spec import SpecError
from training.recipes.refresh.spec import parse_refresh_request
from training.recipes.store.recipe import GONE
from training.recipes.store.spec import parse_store_request
from training.runs.refreshes import refresh_start
from training.runs.services import run_create
from training.web.views.runs import show


@require_POST
@page_permission(Scope.DATA)
def store(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """A run that stores the upload as its form says."""
    upload = upload_find(upload_id)
    if upload is None:
        raise Http404(GONE)
    form = UploadForm(upload, request.POST)
    try:
        if not form.is_valid():
            raise SpecError({name: [str(text) for text in texts] for name, texts in form.errors.items()})
        spec = parse_store_request(str(upload.pk), form.body())
        run = run_create(spec=spec, user=person_of(request))
    except (SpecError, TooManyRuns) as error:
        messages.warning(request, str(error))
        return redirect("data-upload", upload.pk)
    upload_hold(upload=upload)
    return redirect("run", run.run_id)


def show_store(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """How far it is, what it stored, and the way to the chart."""
    steps = []
    if run.status == Status.COMPLETED and run.result.get("instruments"):
        symbol, stored = next(iter(run.result["instruments"].items()))
        query = urlencode({"symbol": symbol, "timeframe": stored["timeframe"]})
        steps = [("Open the chart", f"{reverse('backtest')}?{query}"), ("Instruments", reverse("instruments"))]
        if run.universe:
            steps.append((f"Universe {run.universe}", reverse("universe", args=[run.universe])))
    return show(request, run, next_steps=steps)


@require_POST
@page_permission(Scope.DATA)
def refresh(request: HttpRequest) -> HttpResponse:
    """A run that asks a source for what is new, or the one that is at it."""
    given = {name: request.POST[name] for name in ("source", "universe", "first", "last") if request.POST.get(name)}
    symbols = request.POST.get("symbols", "").replace(",", " ").split()
    try:
        spec = parse_refresh_request({**given, "symbols": symbols or None})
        run, is_new = refresh_start(spec=spec, user=person_of(request))
    except (SpecError, TooManyRuns) as error:
        messages.warning(request, str(error))
        return redirect("sources")
    if not is_new:
        messages.info(request, "This refresh is on its way already.")
    return redirect("run", run.run_id)


def show_refresh(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """How far it is, what came, and which symbols failed."""
    steps = [("Sources", reverse("sources"))] if run.is_terminal else []
    return show(request, run, next_steps=steps, panel="training/runs/_refreshed.html")


def show_check(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """How far it is, and the way to what it found."""
    return show(request, run, next_steps=[("Health", reverse("health"))] if run.status == Status.COMPLETED else [])
