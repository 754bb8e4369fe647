"""Pages of what runs are about: a universe, an instrument."""

from collections.abc import Mapping, Sequence
from typing import Any
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
from instruments.imports.members import MembersRefused, members_add, members_end, members_remove, parse_symbols
from instruments.imports.membership import LARGEST, NotMembers, members_import, parse_dates, read_members
from instruments.models import Instrument, Universe
from instruments.universes import ALL
from predictions.web.presenters.subjects import (
    editing_context,
    instrument_context,
    members_csv,
    universe_context,
    universe_members,
)
from predictions.web.tables import MEMBERS

SHOWN = 20  # bad rows of a file


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.READ, write=Scope.DATA)
def universe(request: HttpRequest, name: str) -> HttpResponseBase:
    """Its members with their coverage, and what was made of it; `find` looks for instruments to add. Sent, members are
    added (`add`, with the dates `from` and `to`), said to have left on the day `to` (with `do` being `end`) or removed
    (`remove`), lists of symbols in any writing; or a file `members` says who is one when."""
    if request.method == "POST":
        return _import_members(request, name) if "members" in request.FILES else _change_members(request, name)
    if name != ALL and not Universe.objects.filter(name=name).exists():
        raise Http404("There is no such universe.")
    members = universe_members(name)
    if request.GET.get("format") == "members":
        headers = {"Content-Disposition": f'attachment; filename="members_{name}.csv"'}
        return HttpResponse(members_csv(name), content_type="text/csv; charset=utf-8", headers=headers)
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
    text = request.POST.get("remove") or request.POST.get("add", "")
    try:
        messages.success(request, _changed(request, universe, parse_symbols(text)))
    except (MembersRefused, NotMembers) as refusal:
        return _universe_page(request, name, refused=str(refusal), text=text, status=400)
    found = request.POST.get("find", "")
    return redirect(reverse("universe", args=[name]) + (f"?{urlencode({'find': found})}" if found else ""))


def _changed(request: HttpRequest, universe: Universe, symbols: list[str]) -> str:
    """What was done, in words. Raises MembersRefused and NotMembers."""
    user = person_of(request)
    if "remove" in request.POST:
        return members_remove(universe=universe, symbols=symbols, user=user)
    start, end = parse_dates(*(request.POST.get(field, "").strip() for field in ("from", "to")))
    if request.POST.get("do") != "end":
        return members_add(universe=universe, symbols=symbols, user=user, dates=(start, end))
    if end is None:
        raise NotMembers("Say in To which day was their last.")
    return members_end(universe=universe, symbols=symbols, user=user, last=end)


def _import_members(request: HttpRequest, name: str) -> HttpResponse:
    get_object_or_404(Universe, name=name)
    file = request.FILES.getlist("members")[0]
    try:
        if (file.size or 0) > LARGEST:
            raise NotMembers(f"The file is larger than {LARGEST:,} bytes.")
        rows = read_members(file.read().decode("utf-8-sig", errors="replace"))
        stored = members_import(name=name, rows=rows, user=person_of(request))
    except NotMembers as refusal:
        return _universe_page(request, name, refused=f"{file.name}: {refusal}", status=400)
    if stored.refused:
        refused = f"{file.name}: {stored.bad:,} bad row{'' if stored.bad == 1 else 's'}, nothing stored."
        return _universe_page(request, name, refused=refused, problems=stored.problems, status=400)
    messages.success(
        request,
        f"{stored.read:,} rows of {file.name}: {stored.inserted:,} stored, {stored.unchanged:,} as they were, "
        f"{stored.removed:,} earlier ones replaced.",
    )
    return redirect(reverse("universe", args=[name]) + "#edit")


def _universe_page(
    request: HttpRequest,
    name: str,
    *,
    refused: str = "",
    text: str = "",
    problems: Sequence[Mapping[str, Any]] = (),
    status: int = 200,
) -> HttpResponse:
    context = universe_context(name) | {"page": table_page(request, MEMBERS, universe_members(name))}
    context |= {
        "refused": refused,
        "text": text,
        "problems": problems[:SHOWN],
        "may_edit": name != ALL and may(request.user, Scope.DATA),
    }
    context["may_train"] = may(request.user, Scope.TRAIN)
    if context["may_edit"]:
        context |= editing_context(name, request.GET.get("find", "").replace("\0", "").strip())
    return render(request, "predictions/subjects/universe.html", context, status=status)
