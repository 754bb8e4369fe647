"""Pages that ask for recommendations and for their score, and the page of such a run."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may
from instruments.universes import ALL
from predictions.recipes.recommend.page import RecommendForm, next_steps, open_days
from predictions.recipes.spec import UniverseJobSpec
from training.errors import TooManyRuns
from training.models import Status, TrainingRun
from training.quant.candle.spec import SpecError
from training.runs import services
from training.web.views.runs import show


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.TRAIN)
def recommend_new(request: HttpRequest) -> HttpResponse:
    """The form, prefilled by its query; sent, it starts a run."""
    if request.method != "POST":
        return _form(request, RecommendForm(request.GET.dict()), is_sent=False)
    form, status = RecommendForm(request.POST.dict()), 400
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
    return _form(request, form, is_sent=True, status=status)


@require_POST
@page_permission(Scope.DATA)
def score_now(request: HttpRequest) -> HttpResponse:
    """A run that scores every recommendation whose horizon has passed."""
    try:
        run = services.run_create(user=person_of(request), spec=UniverseJobSpec("score", ALL))
    except TooManyRuns as error:
        messages.warning(request, str(error))
        return redirect("scorecard")
    return redirect("run", run.run_id)


def show_run(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """The page of a run that recommends or scores, with what there is to do next."""
    steps = next_steps(run) if run.status == Status.COMPLETED else []
    return show(request, run, next_steps=[(text, _address(name, query)) for text, name, query in steps])


def show_score(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    steps = [("Open the scorecard", reverse("scorecard"))] if run.status == Status.COMPLETED else []
    return show(request, run, next_steps=steps)


def _address(name: str, query: dict[str, str]) -> str:
    return reverse(name) + (f"?{urlencode(query)}" if query else "")


def _form(request: HttpRequest, form: RecommendForm, *, is_sent: bool, status: int = 200) -> HttpResponse:
    days = open_days(form.data["universe"], form.data.get("version", ""))
    context = {"form": form, "is_sent": is_sent, "days": days, "may_train": may(request.user, Scope.TRAIN)}
    return render(request, "predictions/recommendations/new.html", context, status=status)
