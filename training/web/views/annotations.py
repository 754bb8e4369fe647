"""The part of a run's page that says what people call it, and the form that changes that."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may_change_run_of
from boursomatic.shared.pages import render_page, wants_fragment
from training.errors import TooLate
from training.models import TrainingRun
from training.quant.candle.spec import SpecError
from training.recipes.kinds import listed_kinds
from training.runs.annotations import NAME_MOST, NOTES_MOST, annotations_of, parse_annotations, run_describe

YES_NO = {"yes": True, "no": False}


def annotations_context(request: HttpRequest, run: TrainingRun) -> dict[str, Any]:
    """For `_annotations.html`, which the pages of runs of every kind begin with."""
    annotations = annotations_of(run)
    return {
        "run": run,
        "annotations": annotations,
        "typed": {"name": annotations.name, "notes": annotations.notes, "tags": " ".join(annotations.tags)},
        "may_change": may_change_run_of(request.user, run.created_by_id),
        "limits": {"name": NAME_MOST, "notes": NOTES_MOST},
    }


@require_POST
@page_permission(Scope.TRAIN)
def annotate(request: HttpRequest, run_id: str) -> HttpResponse:
    """Name, notes and tags as typed, or the pin; a fragment for htmx, else back to the page."""
    runs = (
        TrainingRun.objects.existing().of_kinds(listed_kinds()).select_related("description").prefetch_related("tags")
    )
    run = runs.filter(run_id=run_id).first()
    if run is None:
        raise Http404("There is no such run. It may have been deleted.")
    if not may_change_run_of(request.user, run.created_by_id):
        raise PermissionDenied("This run is another member's. Only managers and admins may change it.")
    try:
        run_describe(run=run, user=person_of(request), changes=parse_annotations(_sent(request.POST)))
    except SpecError as error:
        return _show(request, run, errors=error.errors)
    except TooLate as error:
        raise Http404(str(error)) from error
    return _show(request, runs.get(pk=run.pk)) if wants_fragment(request) else redirect("run", run_id)


def _sent(form: QueryDict) -> dict[str, Any]:
    changes: dict[str, Any] = {name: form[name] for name in ("name", "notes") if name in form}
    if "tags" in form:
        changes["tags"] = str(form["tags"]).replace(",", " ").split()
    if "pinned" in form:
        changes["pinned"] = YES_NO.get(str(form["pinned"]))
    return changes


def _show(request: HttpRequest, run: TrainingRun, errors: dict[str, list[str]] | None = None) -> HttpResponse:
    context = annotations_context(request, run)
    if errors:
        context |= {"typed": request.POST.dict(), "errors": errors}
    template = "training/runs/_annotations.html"
    return render_page(request, "training/runs/annotate.html", template, context, status=400 if errors else 200)
