"""Sources of bars: listed, added, changed, tried. For managers."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.pages import render_page
from instruments.imports.schema import Trial
from instruments.imports.sources import (
    SourceRefused,
    key_is_lost,
    kind_of,
    kinds_offered,
    parse_symbol_lines,
    prices_of,
    source_change,
    source_create,
    source_try,
    symbol_lines,
)
from instruments.imports.sources import source_delete as delete_source
from instruments.models import Source, Universe
from instruments.quant.actions import Prices
from instruments.sources.registry import KINDS
from instruments.universes import ALL
from instruments.web.forms import SourceForm


@require_http_methods(["GET", "HEAD"])
@page_permission(Scope.DATA)
def sources(request: HttpRequest) -> HttpResponse:
    """What there is, and the kinds that can be added."""
    listed = [(source, kind_of(source), key_is_lost(source), _prices(source)) for source in Source.objects.all()]
    missing = [kind for kind in KINDS.values() if not kind.is_installed]
    return render(request, "instruments/sources.html", {"listed": listed, "kinds": kinds_offered(), "missing": missing})


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.DATA)
def source_new(request: HttpRequest, kind: str) -> HttpResponse:
    """A source of a kind; added, its page asks to try it."""
    described = next((offered for offered in kinds_offered() if offered.name == kind), None)
    if described is None:
        raise Http404("There is no such kind of source here.")
    form = SourceForm(described, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            added = source_create(
                user=request.user,
                name=form.cleaned_data["name"],
                kind=kind,
                options=form.options(),
                key=form.key() or "",
            )
        except SourceRefused as refusal:
            form.refuse(refusal.problems)
        else:
            messages.success(request, f"{added.name} is added. Try it with an instrument.")
            return redirect("source", added.name)
    return render(
        request, "instruments/source.html", {"kind": described, "form": form}, status=400 if form.errors else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
@page_permission(Scope.DATA)
def source(request: HttpRequest, name: str) -> HttpResponse:
    """A source: its form, and what trying it gives."""
    chosen = get_object_or_404(Source, name=name)
    kind = kind_of(chosen)
    if kind is None:
        return render(request, "instruments/source.html", {"source": chosen})
    form = SourceForm(kind, chosen, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            source_change(
                source=chosen,
                user=request.user,
                options=form.options(),
                key=form.key(),
                enabled="enabled" in request.POST,
            )
        except SourceRefused as refusal:
            form.refuse(refusal.problems)
        else:
            messages.success(request, f"{name} is changed.")
            return redirect("source", name)
    return _page(request, chosen, form)


@require_POST
@page_permission(Scope.DATA)
def source_trial(request: HttpRequest, name: str) -> HttpResponse:
    """The newest bars, as the source gives them now. A post, since it asks somebody else."""
    chosen = get_object_or_404(Source, name=name)
    symbol = request.POST.get("symbol", "").strip()
    trial = source_try(source=chosen, symbol=symbol, timeframe=request.POST.get("timeframe", "1d"))
    return _page(request, chosen, SourceForm(KINDS[chosen.kind], chosen) if chosen.kind in KINDS else None, trial)


@require_POST
@page_permission(Scope.DATA)
def source_symbols(request: HttpRequest, name: str) -> HttpResponse:
    """Which instruments it serves in any case, and what it calls them."""
    chosen = get_object_or_404(Source, name=name)
    try:
        source_change(source=chosen, user=request.user, symbols=parse_symbol_lines(request.POST.get("symbols", "")))
    except SourceRefused as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, f"{name} serves {len(chosen.symbols):,} instruments by name.")
    return redirect("source", name)


@require_POST
@page_permission(Scope.DATA)
def source_delete(request: HttpRequest, name: str) -> HttpResponse:
    """The source and its key."""
    delete_source(source=get_object_or_404(Source, name=name), user=request.user)
    messages.success(request, f"{name} is deleted. Bars that it gave stay.")
    return redirect("sources")


def _page(request: HttpRequest, chosen: Source, form: SourceForm | None, trial: Trial | None = None) -> HttpResponse:
    context = {
        "source": chosen,
        "kind": kind_of(chosen),
        "form": form,
        "trial": trial,
        "trial_prices": Prices(trial.prices).label if trial and trial.prices else "",
        "prices": _prices(chosen),
        "key_lost": key_is_lost(chosen),
        "universes": [ALL, *Universe.objects.values_list("name", flat=True)],
        "symbol_lines": "\n".join(symbol_lines(chosen.symbols)),
    }
    status = 400 if form and form.errors else 200
    return render_page(request, "instruments/source.html", "instruments/_trial.html", context, status)


def _prices(source: Source) -> str:
    prices = prices_of(source)
    return Prices(prices).label if prices else ""
