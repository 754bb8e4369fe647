"""Pages of candle runs: the dialog that starts one, and a candle run's own page."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.pages import render_page, wants_fragment
from instruments.models import Series
from instruments.quant.features.candle import GROUPS
from instruments.store.read_bars import default_symbol
from training.errors import TooManyRuns
from training.evidence.trials import next_k
from training.models import Status, TrainingRun
from training.quant.candle.spec import RANGES, SpecError
from training.quant.candle.verdict import next_trial_text
from training.recipes.base import Spec
from training.recipes.candle.data import candle_preview
from training.recipes.candle.form import CandleForm, initial_values
from training.recipes.candle.page import candle_context
from training.recipes.candle.recipe import RECIPE as CANDLE
from training.recipes.meta_fit.suggestion import suggested_spec, suggestion_for
from training.recipes.study.form import StudyForm
from training.recipes.study.page import taken_context
from training.recipes.study.recipe import RECIPE as STUDY
from training.runs import services
from training.web.views.annotations import annotations_context
from training.web.views.jobs import PARTS, show_part
from training.web.views.runs import find_run, show_run

SUGGESTED, BOTH = "suggested", "both"  # buttons beside Start Training


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.TRAIN)
def run_new(request: HttpRequest) -> HttpResponse:
    """The form, as dialog or as page; sent, it starts a run, the study before it, or two runs to be compared."""
    if request.method != "POST":
        return _form(request, StudyForm(initial=_initial(request)))
    form = StudyForm(request.POST)
    status = 400
    if form.is_valid():
        try:
            earlier = _retried(request.POST.get("from"))
            specs = _specs(form, _unshown(earlier), request.POST.get("with", ""))
            with transaction.atomic():
                runs = [services.run_create(user=person_of(request), spec=spec, retry_of=earlier) for spec in specs]
        except SpecError as error:
            form.refuse(error)
        except TooManyRuns as error:
            form.add_error(None, str(error))
            status = 429
        else:
            if len(runs) > 1:
                return _compare(request, runs)
            if not wants_fragment(request):
                return redirect("run", runs[0].run_id)
            return show_run(request, find_run(runs[0].run_id))
    return _form(request, form, status=status)


@require_GET
@page_permission(Scope.READ)
def run_preview(request: HttpRequest) -> JsonResponse:
    """What a click on a candle would use, for the chart's bands."""
    query = request.GET.copy()
    query["candle_date"] = query.get("candle", "")
    for name, default in _defaults().items():
        query.setdefault(name, default)
    form = CandleForm(query)
    try:
        if form.is_valid():
            return JsonResponse({**candle_preview(form.spec), "rows_after": form.spec.rows_after})
        problem = " ".join(str(message) for found in form.errors.values() for message in found)
    except SpecError as error:
        problem = " ".join(message for found in error.errors.values() for message in found)
    return JsonResponse({"problem": problem}, status=400)


@require_GET
@page_permission(Scope.TRAIN)
def run_suggestion(request: HttpRequest) -> HttpResponse:
    """What the meta-predictor suggests for the run that the form asks for; nothing while that is no run."""
    form, suggestion = CandleForm(request.GET), None
    if form.is_valid():
        with suppress(SpecError):
            suggestion = suggestion_for(form.spec)
    return render(request, "training/candle_run/_suggestion.html", {"suggestion": suggestion})


def _specs(form: StudyForm, unshown: dict[str, Any], button: str) -> Sequence[Spec]:
    """What is filled in, or the suggested settings in its place, or both. Raises SpecError."""
    if button not in (SUGGESTED, BOTH):
        return [form.requested(**unshown)]
    yours = replace(form.spec, **unshown)
    suggested = suggested_spec(yours)
    return [suggested] if button == SUGGESTED else [yours, suggested]


def _compare(request: HttpRequest, runs: Sequence[TrainingRun]) -> HttpResponse:
    """The page that holds them against each other once both have completed."""
    address = f"{reverse('runs-compare')}?runs={','.join(run.run_id for run in runs)}"
    return HttpResponse(headers={"HX-Redirect": address}) if wants_fragment(request) else redirect(address)


def _form(request: HttpRequest, form: StudyForm, status: int = 200) -> HttpResponse:
    context = {
        "form": form,
        "symbol": form["symbol"].value(),
        "timeframe": form["timeframe"].value(),
        "from": request.POST.get("from") or request.GET.get("from", ""),
        "in_dialog": wants_fragment(request),
        "upcoming": _upcoming(form),
        "warnings": [(name, each.warning) for name, each in GROUPS.items() if each.warning],
    }
    page, fragment = "training/candle_run/new.html", "training/candle_run/_form.html"
    return render_page(request, page, fragment, context, status=status)


def _upcoming(form: CandleForm) -> str:
    """What a run of this form would need to be evidence; "" where there is no such series."""
    symbol, timeframe = (str(form[name].value()).replace("\0", "") for name in ("symbol", "timeframe"))
    series = Series.objects.filter(instrument__symbol=symbol, timeframe=timeframe).first()
    return next_trial_text(next_k(series), symbol) if series else ""


def _initial(request: HttpRequest) -> dict[str, Any]:
    retried = _retried(request.GET.get("from"))
    query = request.GET.dict()
    if retried is None and not query.get("symbol"):
        query["symbol"] = default_symbol()
    return initial_values(query, retried.config if retried else None)


def _defaults() -> dict[str, str]:
    return {name: f"{setting.default:g}" for name, setting in RANGES.items()} | {"timeframe": "1d"}


def show(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """A candle run's page, as page or as dialog, or a part of it that polls by itself."""
    study_id = request.GET.get("study") or run.config.get("study_id")
    studies = TrainingRun.objects.existing().filter(kind=STUDY.kind, run_id=study_id, status=Status.COMPLETED)
    return show_after(request, run, study=studies.first() if study_id else None)


def show_after(request: HttpRequest, run: TrainingRun, *, study: TrainingRun | None) -> HttpResponse:
    """A candle run's page; with the completed `study` behind its settings, what that took."""
    about_study = {"study": study, "taken": taken_context(study) if study else None}
    return show_with(request, run, lambda run: candle_context(run) | about_study)


def show_with(request: HttpRequest, run: TrainingRun, draw: Callable[[TrainingRun], dict[str, Any]]) -> HttpResponse:
    """The page of a run that makes a model of one series, from what `draw` says of it."""
    section = request.GET.get("part", "")
    if section in PARTS and wants_fragment(request) and run.status == Status.COMPLETED:
        return show_part(request, run, section)
    in_dialog = request.GET.get("in") == "dialog" and wants_fragment(request)
    context = draw(run) | annotations_context(request, run)
    context |= {"in_dialog": in_dialog, "may_train": may(request.user, Scope.TRAIN)}
    return render_page(request, "training/candle_run/run.html", "training/candle_run/_run.html", context)


def _retried(run_id: str | None) -> TrainingRun | None:
    candle_runs = TrainingRun.objects.existing().filter(kind=CANDLE.kind)
    return candle_runs.filter(run_id=run_id).first() if run_id else None


def _unshown(earlier: TrainingRun | None) -> dict[str, Any]:
    """Settings of an earlier run that the form has no field for: they stay when it is trained again."""
    names = ("seed", "confirm", "seen_until")
    return {name: earlier.config[name] for name in names if name in earlier.config} if earlier else {}
