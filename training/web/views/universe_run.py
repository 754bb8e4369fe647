"""Pages of universes: the form that trains or walks one, the run's page, the walk's page."""

from collections.abc import Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.pages import render_page, wants_fragment
from boursomatic.shared.tables import CHUNK, csv_response, slice_page, wants_csv
from training.errors import TooManyRuns
from training.models import RunPositions, Status, TrainingRun
from training.quant.candle.spec import COST_BP, SEED, SpecError
from training.quant.universe.spec import PHASE22
from training.recipes.universe.form import UniverseForm, values_of
from training.recipes.universe.page import universe_context, walk_context
from training.recipes.universe.preview import offers_demo, universe_preview
from training.recipes.walk_forward.recipe import RECIPE as WALK
from training.runs import services
from training.web.presenters.positions import POSITIONS, SIDES, PositionLines
from training.web.views.annotations import annotations_context
from training.web.views.jobs import show_universe_proof
from training.web.views.runs import find_run


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.TRAIN)
def universe_new(request: HttpRequest) -> HttpResponse:
    """The form with what it would use; sent, it starts a run or a walk. `from` names a run whose settings it has."""
    if request.method != "POST":
        earlier = _config(request.GET.get("from", ""))
        values = {**_defaults(), **values_of(earlier), **request.GET.dict()}
        return _form(request, _fitting(values, chosen={**earlier, **request.GET.dict()}))
    seed = _config(request.POST.get("from", "")).get("seed", SEED)
    form, status = _fitting(request.POST.dict(), chosen=request.POST, seed=seed), 400
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


@require_GET
@page_permission(Scope.TRAIN)
def universe_use(request: HttpRequest) -> HttpResponse:
    """What the form, as it is filled in now, would use."""
    form = UniverseForm({**_defaults(), **request.GET.dict()})
    preview = universe_preview(form.spec) if form.is_valid() else None
    return render(request, "training/universe_run/_use.html", {"preview": preview, "form": form})


@require_GET
@page_permission(Scope.READ)
def demo_offer(request: HttpRequest) -> HttpResponse:
    """For pages that have nothing to show yet: one click trains the demo universe, if there is one."""
    context = {"offers_demo": offers_demo(), "may_train": may(request.user, Scope.TRAIN)}
    return render(request, "training/universe_run/_demo_offer.html", context)


def show(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """A universe run's page, the fragment that polls while it is on its way, or those that poll while its walk or a
    proof of it is."""
    if _wants(request, run, "proof"):
        return show_universe_proof(request, run)
    context = universe_context(run)
    if _wants(request, run, "verdict"):
        return render(request, "training/universe_run/_verdict.html", context)
    return _show(request, run, context, "training/universe_run/_run.html")


def show_walk(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """The same of a walk."""
    if _wants(request, run, "proof"):
        return show_universe_proof(request, run)
    return _show(request, run, walk_context(run), "training/universe_run/_walk.html")


@require_GET
@page_permission(Scope.READ)
def positions(request: HttpRequest, run_id: str) -> HttpResponseBase:
    """What a walk's models bought and sold, newest first; `?symbol=&side=`; `format=csv` is all that these leave."""
    run = find_run(run_id)
    if run.kind != WALK.kind:
        raise Http404("Only a walk-forward run has a list of positions.")
    context: dict[str, Any] = {"run": run, "sides": SIDES.values(), "cost_bp": COST_BP}
    stored = RunPositions.objects.filter(run=run).first()
    if stored:
        filters = {name: request.GET.get(name, "") for name in ("symbol", "side")}
        lines = PositionLines(stored, POSITIONS.order_of(request.GET.get("sort", "")), **filters)
        if wants_csv(request):
            return csv_response(POSITIONS, (lines[start : start + CHUNK] for start in range(0, len(lines), CHUNK)))
        context |= filters | {"page": slice_page(request, POSITIONS, lines)}
    context |= {"may_train": may(request.user, Scope.TRAIN)}
    return render(request, "training/universe_run/positions.html", context)


def _wants(request: HttpRequest, run: TrainingRun, part: str) -> bool:
    """Whether a part of a finished run's page is asked for by itself."""
    return request.GET.get("part") == part and wants_fragment(request) and run.status == Status.COMPLETED


def _show(request: HttpRequest, run: TrainingRun, context: dict[str, Any], fragment: str) -> HttpResponse:
    context |= annotations_context(request, run) | {"fragment": fragment}
    context |= {"may_train": may(request.user, Scope.TRAIN), "may_activate": may(request.user, Scope.ACTIVATE)}
    return render_page(request, "training/universe_run/run.html", fragment, context)


def _form(request: HttpRequest, form: UniverseForm, status: int = 200) -> HttpResponse:
    preview = universe_preview(form.spec) if form.is_valid() else None
    context = {"form": form, "preview": preview, "from": request.POST.get("from") or request.GET.get("from", "")}
    return render(request, "training/universe_run/new.html", context, status=status)


def _fitting(values: dict[str, str], *, chosen: Mapping[str, Any], seed: int = SEED) -> UniverseForm:
    """The form with these values; where a universe was chosen and no recipe, with one that it is large enough for."""
    form = UniverseForm(values, seed=seed)
    is_open = "universe" in chosen and "recipe" not in chosen
    if is_open and form.is_valid() and universe_preview(form.spec).is_too_small:
        form = UniverseForm({**values, "recipe": PHASE22}, seed=seed)
    return form


def _config(run_id: str) -> dict[str, Any]:
    """What a run or walk of a universe was asked for; empty where there is no such run."""
    runs = TrainingRun.objects.existing().filter(subject=None, universe__isnull=False, run_id=run_id)
    return runs.values_list("config", flat=True).first() or {}


def _defaults() -> dict[str, str]:
    """A form that shows its numbers instead of empty fields."""
    form = UniverseForm()
    return {name: str(field.initial) for name, field in form.fields.items() if field.initial is not None}
