"""Pages of models: the list, the gate of each, who activated what when, and the buttons that change it."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.pages import render_page
from boursomatic.shared.paging import keyset_page
from boursomatic.shared.tables import csv_response, row_chunks, table_page, wants_csv
from training.errors import ActiveChanged, GateRefused, TooLate
from training.filters.models import ModelFilter
from training.models import Activation, ModelVersion
from training.recipes.universe.preview import offers_demo
from training.registry.activation import model_activate, model_deactivate, model_roll_back, scope_label
from training.web.presenters.models import gate_context, history_context, model_lines
from training.web.tables import MODELS

PAGE = 50  # activations


@require_GET
@page_permission(Scope.READ)
def models(request: HttpRequest) -> HttpResponseBase:
    """Newest first where no order is asked for; `format=csv` is all that the filters leave."""
    chosen = ModelFilter(request.GET, queryset=ModelVersion.objects.existing().light(), request=request)
    rows = chosen.qs if chosen.is_valid() else ModelVersion.objects.none()
    if wants_csv(request):
        return csv_response(MODELS, (model_lines(chunk) for chunk in row_chunks(request, MODELS, rows)))
    page = table_page(request, MODELS, rows)
    context = {
        "filter": chosen,
        "page": page,
        "lines": model_lines(page.rows),
        "is_filtered": any(page.filters.values()),
        "may_train": may(request.user, Scope.TRAIN),
        "offers_demo": not page.rows and offers_demo(),
    }
    return render_page(request, "training/models/list.html", "training/models/_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.READ, write=Scope.ACTIVATE)
def model_gate(request: HttpRequest, version: str) -> HttpResponse:
    """Every check of the gate; sent, the model is activated, with `override` also where the gate refuses."""
    model = _model(version)
    if request.method != "POST":
        return _show_gate(request, model)
    reason = request.POST.get("reason", "").strip()
    if not 0 < len(reason) <= 500:
        return _show_gate(
            request, model, problem="Give a reason, in up to 500 characters; it is shown with the model.", status=400
        )
    try:
        activation = model_activate(
            model=model,
            user=person_of(request),
            reason=reason,
            expected=request.POST.get("expected_active") or None,
            override=request.POST.get("override") == "on",
        )
    except ActiveChanged as error:
        return _show_gate(request, model, problem=str(error), status=409)
    except GateRefused as error:
        return _show_gate(request, model, problem=str(error), status=422)
    despite = ", despite failed checks" if activation.overridden else ""
    messages.success(request, f"{model.version} is active for {scope_label(activation.scope)}{despite}.")
    return redirect("model-gate", version)


@require_POST
@page_permission(Scope.ACTIVATE)
def deactivate(request: HttpRequest, version: str) -> HttpResponse:
    """Its scope has no active model any more."""
    model, reason = _model(version), request.POST.get("reason", "").strip()
    if not 0 < len(reason) <= 500:
        return _show_gate(
            request, model, problem="Give a reason, in up to 500 characters; it is shown with the model.", status=400
        )
    try:
        made = model_deactivate(model=model, user=person_of(request), reason=reason)
    except ActiveChanged as error:
        return _show_gate(request, model, problem=str(error), status=409)
    messages.success(request, f"No model is active for {scope_label(made.scope)} any more.")
    return redirect("model-gate", version)


@require_POST
@page_permission(Scope.ACTIVATE)
def roll_back(request: HttpRequest, version: str) -> HttpResponse:
    """One click: what was active before `version` is active again."""
    try:
        made = model_roll_back(model=_model(version), user=person_of(request))
    except (ActiveChanged, TooLate) as error:
        messages.warning(request, str(error))
    else:
        messages.success(request, f"{made.version} is active for {scope_label(made.scope)} again.")
    return redirect("model-history")


@require_GET
@page_permission(Scope.READ)
def model_history(request: HttpRequest) -> HttpResponse:
    """Which model was active when: at the end of a day, and every change, newest first."""
    before = request.GET.get("before", "")
    shown, older = keyset_page(
        Activation.objects.select_related("by"),
        before=int(before) if before.isdecimal() and len(before) < 19 else 0,
        size=PAGE,
    )
    context = history_context(request.GET.get("on", ""), shown) | {
        "older": older,
        "is_newest": "before" not in request.GET,
        "may_activate": may(request.user, Scope.ACTIVATE),
    }
    return render(request, "training/models/history.html", context, status=400 if context["problem"] else 200)


def _show_gate(request: HttpRequest, model: ModelVersion, *, problem: str = "", status: int = 200) -> HttpResponse:
    context = gate_context(model) | {
        "problem": problem,
        "reason": request.POST.get("reason", ""),
        "may_activate": may(request.user, Scope.ACTIVATE),
        "may_train": may(request.user, Scope.TRAIN),
    }
    return render(request, "training/models/gate.html", context, status=status)


def _model(version: str) -> ModelVersion:
    rows = ModelVersion.objects.existing().select_related("run__created_by", "series__instrument")
    found = rows.filter(version=version).first()
    if found is None:
        raise Http404("There is no such model. Its run may have been deleted.")
    return found
