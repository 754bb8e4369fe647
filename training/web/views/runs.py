"""Pages of runs of every kind. Each kind's recipe names what draws its own page."""

from collections.abc import Sequence

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.cache import patch_cache_control
from django.utils.module_loading import import_string
from django.views.decorators.http import require_GET, require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may, may_change_run_of
from boursomatic.shared.pages import render_page, wants_fragment
from training.artifacts.storage import artifact_storage
from training.errors import TooLate
from training.models import Status, TrainingRun
from training.queue import leases
from training.recipes.kinds import recipe_of
from training.runs import services
from training.web.presenters.runs import run_page_context
from training.web.views.annotations import annotations_context

NO_RUN = "There is no such run. It may have been deleted."


@require_GET
@page_permission(Scope.READ)
def run(request: HttpRequest, run_id: str) -> HttpResponse:
    """A run's page; its fragments poll this same address until the run, and the jobs about it, have ended."""
    found = find_run(run_id)
    if found.status == Status.RUNNING or found.jobs.filter(status=Status.RUNNING).exists():
        leases.reclaim_expired()  # a run whose worker died says so as soon as someone looks
        found = find_run(run_id)
    return show_run(request, found)


@require_POST
@page_permission(Scope.TRAIN)
def run_cancel(request: HttpRequest, run_id: str) -> HttpResponse:
    found = changeable_run(request, run_id)
    try:
        found = services.run_cancel(run=found, user=person_of(request))
    except TooLate as error:
        if not wants_fragment(request):
            messages.warning(request, str(error))
    if wants_fragment(request):
        return show_run(request, find_run(run_id))
    return redirect("run", run_id)


@require_POST
@page_permission(Scope.TRAIN)
def run_delete(request: HttpRequest, run_id: str) -> HttpResponse:
    found = changeable_run(request, run_id)
    try:
        services.run_delete(run=found, user=person_of(request))
    except TooLate as error:
        messages.warning(request, str(error))
        return redirect("run", run_id)
    messages.success(request, f"Run {run_id} is deleted.")
    return redirect("runs")


@require_GET
@page_permission(Scope.READ)
def run_file(request: HttpRequest, run_id: str, name: str) -> HttpResponseBase:
    """A file of the run's folder, to take away. Only names that the run wrote are served."""
    model = getattr(find_run(run_id), "model_version", None)
    if model is None or name not in model.files:
        raise Http404("This run has no such file.")
    path = f"{model.folder}/{name}"
    storage = artifact_storage()
    if not storage.exists(path):
        raise Http404("This file is missing from the disk. An administrator can find out what else is.")
    return FileResponse(storage.open(path), as_attachment=True, filename=name)


def show(
    request: HttpRequest, run: TrainingRun, next_steps: Sequence[tuple[str, str]] = (), panel: str = ""
) -> HttpResponse:
    """The page of a run whose kind draws none of its own: how far it is, its log, what it found. `next_steps`: text and
    address of what there is to do then; `panel`: the template of what else its result holds."""
    context = run_page_context(run) | annotations_context(request, run) | {"next_steps": next_steps, "panel": panel}
    context |= {"may_cancel": may(request.user, Scope.TRAIN) and may_change_run_of(request.user, run.created_by_id)}
    return render_page(request, "training/runs/run.html", "training/runs/_run.html", context)


def show_subject(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """What a run found about another stands on the other's page."""
    assert run.subject is not None
    return redirect("run", run.subject.run_id)


def show_parent(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """A part is shown by the whole."""
    assert run.parent is not None
    return redirect("run", run.parent.run_id)


def find_run(run_id: str) -> TrainingRun:
    """Http404 where there is none, or one that was deleted."""
    rows = TrainingRun.objects.existing().select_related(
        *("series__instrument", "created_by", "retry_of", "parent", "subject", "model_version", "description")
    )
    found = rows.prefetch_related("tags").filter(run_id=run_id).first()
    if found is None:
        raise Http404(NO_RUN)
    return found


def show_run(request: HttpRequest, run: TrainingRun) -> HttpResponse:
    """By what its recipe names; `?in=dialog` asks for the fragment that stands in the dialog."""
    response: HttpResponse = import_string(recipe_of(run.kind).page)(request, run)
    if not run.is_terminal:  # Back would show it as the browser stored it, while the run was on its way
        patch_cache_control(response, no_store=True)
    return response


def changeable_run(request: HttpRequest, run_id: str) -> TrainingRun:
    """As `find_run`; PermissionDenied where it is another member's."""
    found = find_run(run_id)
    if not may_change_run_of(request.user, found.created_by_id):
        raise PermissionDenied("This run is another member's. Only managers and admins may change it.")
    return found
