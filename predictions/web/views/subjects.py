"""Pages of what runs are about: a universe, an instrument."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from boursomatic.accounts.permissions import page_permission, person_of
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.tables import csv_response, row_chunks, table_page, wants_csv
from instruments.imports.members import MembersRefused, members_add, members_remove, parse_symbols
from instruments.models import Instrument, Universe
from instruments.universes import ALL
from predictions.web.presenters.subjects import editing_context, instrument_context, universe_context, universe_members
from predictions.web.tables import MEMBERS


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.READ, write=Scope.DATA)
def universe(request: HttpRequest, name: str) -> HttpResponseBase:
    """Its members with their coverage, and what was made of it; `find` looks for instruments to add. Sent, members are
    added (`add`) or removed (`remove`), lists of symbols in any writing."""
    if request.method == "POST":
        return _change_members(request, name)
    if name != ALL and not Universe.objects.filter(name=name).exists():
        raise Http404("There is no such universe.")
    members = universe_members(name)
    if wants_csv(request):
        return csv_response(MEMBERS, row_chunks(request, MEMBERS, members))
    return _universe_page(request, name)


@require_GET
@page_permission(Scope.READ)
def instrument(request: HttpRequest) -> HttpResponse:
    """`?symbol=`, since a symbol may hold any sign: what is known of it, and what was made of it."""
    found = Instrument.objects.filter(symbol=request.GET.get("symbol", "").replace("\0", "")).first()
    if found is None:
        raise Http404("There is no such instrument.")
    return render(request, "predictions/subjects/instrument.html", instrument_context(found))


def _change_members(request: HttpRequest, name: str) -> HttpResponse:
    universe = get_object_or_404(Universe, name=name)
    change = members_remove if "remove" in request.POST else members_add
    text = request.POST.get("remove") or request.POST.get("add", "")
    try:
        messages.success(request, change(universe=universe, symbols=parse_symbols(text), user=person_of(request)))
    except MembersRefused as refusal:
        return _universe_page(request, name, refused=str(refusal), text=text, status=400)
    found = request.POST.get("find", "")
    return redirect(reverse("universe", args=[name]) + (f"?{urlencode({'find': found})}" if found else ""))


def _universe_page(
    request: HttpRequest, name: str, *, refused: str = "", text: str = "", status: int = 200
) -> HttpResponse:
    context = universe_context(name) | {"page": table_page(request, MEMBERS, universe_members(name))}
    context |= {"refused": refused, "text": text, "may_edit": name != ALL and may(request.user, Scope.DATA)}
    context["may_train"] = may(request.user, Scope.TRAIN)
    if context["may_edit"]:
        context |= editing_context(name, request.GET.get("find", "").replace("\0", "").strip())
    return render(request, "predictions/subjects/universe.html", context, status=status)
