"""Pages of ensembles: the form that makes one of ticked runs or of a row of a map, and an ensemble's own page."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope
from training.errors import TooManyRuns
from training.models import TrainingRun
from training.quant.candle.spec import SpecError
from training.quant.ensemble.spec import EnsembleSpec
from training.recipes.ensemble.members import parse_ensemble
from training.recipes.ensemble.page import ensemble_context, new_context
from training.recipes.ensemble.row import row_ensemble
from training.recipes.sweep.recipe import RECIPE as SWEEP
from training.runs import services
from training.web.views.candle_run import show_with
from training.web.views.runs import NO_RUN, find_run

TICKED = "runs"  # the name of the boxes in the list of runs


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.TRAIN)
def ensemble_new(request: HttpRequest) -> HttpResponse:
    """The ticked runs, or the cells of a row, and how they are combined; sent, it starts a run."""
    try:
        spec = _spec(request)
        if request.method == "POST":
            run = services.run_create(spec=spec, user=person_of(request))
            return redirect("run", run.run_id)
    except SpecError as error:
        problems = [message for messages in error.errors.values() for message in messages]
        return render(request, "training/ensemble/new.html", {"problems": problems}, status=400)
    except TooManyRuns as error:
        context = new_context(spec) | {"problems": [str(error)]}
        return render(request, "training/ensemble/new.html", context, status=429)
    return render(request, "training/ensemble/new.html", new_context(spec))


def _spec(request: HttpRequest) -> EnsembleSpec:
    """Raises SpecError."""
    how = request.POST.get("how", "mean")
    if "sweep_id" not in request.GET:
        return parse_ensemble({"run_ids": list(dict.fromkeys(request.GET.getlist(TICKED))), "how": how})
    run, place = find_run(request.GET["sweep_id"]), request.GET.get("row", "")
    if run.kind != SWEEP.kind or not (place.isdecimal() and int(place[:9]) < len(run.config["rows"])):
        raise Http404(NO_RUN)
    return row_ensemble(run, int(place), how)


def show(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """An ensemble's page, or a part of it that polls by itself."""
    return show_with(request, run, ensemble_context)
