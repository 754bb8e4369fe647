"""Pages of ensembles: the form that makes one of ticked runs, and an ensemble's own page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope
from training.errors import TooManyRuns
from training.models import TrainingRun
from training.quant.candle.spec import SpecError
from training.recipes.ensemble.members import parse_ensemble
from training.recipes.ensemble.page import ensemble_context, new_context
from training.runs import services
from training.web.views.candle_run import show_with

TICKED = "runs"  # the name of the boxes in the list of runs


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.TRAIN)
def ensemble_new(request: HttpRequest) -> HttpResponse:
    """The ticked runs and how they are combined; sent, it starts a run."""
    run_ids = list(dict.fromkeys(request.GET.getlist(TICKED)))
    try:
        spec = parse_ensemble({"run_ids": run_ids, "how": request.POST.get("how", "mean")})
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


def show(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """An ensemble's page, or a part of it that polls by itself."""
    return show_with(request, run, ensemble_context)
