"""Pages of what runs are about: a universe, an instrument."""

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.tables import csv_response, row_chunks, table_page, wants_csv
from instruments.models import Instrument, Universe
from instruments.universes import ALL
from predictions.web.presenters.subjects import instrument_context, universe_context, universe_members
from predictions.web.tables import MEMBERS


@require_GET
@page_permission(Scope.READ)
def universe(request: HttpRequest, name: str) -> HttpResponseBase:
    """Its members with their coverage, and what was made of it."""
    if name != ALL and not Universe.objects.filter(name=name).exists():
        raise Http404("There is no such universe.")
    members = universe_members(name)
    if wants_csv(request):
        return csv_response(MEMBERS, row_chunks(request, MEMBERS, members))
    context = universe_context(name) | {"page": table_page(request, MEMBERS, members)}
    return render(request, "predictions/subjects/universe.html", context)


@require_GET
@page_permission(Scope.READ)
def instrument(request: HttpRequest) -> HttpResponse:
    """`?symbol=`, since a symbol may hold any sign: what is known of it, and what was made of it."""
    found = Instrument.objects.filter(symbol=request.GET.get("symbol", "").replace("\0", "")).first()
    if found is None:
        raise Http404("There is no such instrument.")
    return render(request, "predictions/subjects/instrument.html", instrument_context(found))
