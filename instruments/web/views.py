"""The chart of one instrument, and the list of all of them."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope, may
from boursomatic.shared.tables import csv_response, row_chunks, table_page, wants_csv
from instruments.health.findings import worst_of
from instruments.models import Instrument, PriceBar, Series, Timeframe
from instruments.quant.features.indicators import INDICATORS
from instruments.store.read_bars import UnknownSeries, default_symbol, series_get
from instruments.web.sparklines import sparklines
from instruments.web.tables import INSTRUMENTS, InstrumentLine

RANGES = (("1m", "1M"), ("6m", "6M"), ("1y", "1Y"), ("5y", "5Y"), ("all", "All"))
LAST_BARS = 20  # shown as a table where the chart can't be drawn


@page_permission(Scope.READ)
def backtest(request: HttpRequest) -> HttpResponse:
    """The chart. Its bars come from the API; what is on it comes from the address."""
    symbol = request.GET.get("symbol", "").replace("\0", "") or default_symbol()
    with_bars = Series.objects.filter(instrument__symbol=symbol, rows__gt=0)
    timeframes = list(with_bars.order_by("timeframe").values_list("timeframe", flat=True))
    timeframe = request.GET.get("timeframe") or _usual_timeframe(timeframes)
    if timeframes and timeframe not in timeframes:  # that of the instrument before it
        query = request.GET.copy()
        query["timeframe"] = _usual_timeframe(timeframes)
        return redirect(f"{request.path}?{query.urlencode()}")
    has_bars = Series.objects.filter(rows__gt=0, instrument__active=True).exists()
    context: dict[str, Any] = {
        "has_bars": has_bars,
        "symbol": symbol,
        "timeframe": timeframe,
        "timeframe_choices": [choice for choice in Timeframe.choices if not timeframes or choice[0] in timeframes],
        "ranges": RANGES,
        "indicators": INDICATORS,
        "may_train": may(request.user, Scope.TRAIN),
        "may_upload": may(request.user, Scope.DATA),
    }
    try:
        series = series_get(symbol, timeframe)
    except UnknownSeries as error:
        status = 404 if has_bars else 200  # nothing loaded yet is a state of the house, not a wrong address
        return render(request, "instruments/backtest.html", {**context, "problem": str(error)}, status=status)
    bars = PriceBar.objects.filter(series=series).order_by("-timestamp")[:LAST_BARS]
    severity = worst_of([series]).get(series.pk, "")
    return render(
        request, "instruments/backtest.html", {**context, "series": series, "last_bars": bars, "severity": severity}
    )


@page_permission(Scope.READ)
def instruments(request: HttpRequest) -> HttpResponseBase:
    """Coverage of every instrument, by symbol where no order is asked for; `text` is part of a symbol or a name."""
    text = request.GET.get("text", "").strip()
    rows = Instrument.objects.prefetch_related("series")
    if text:
        rows = rows.filter(Q(symbol__icontains=text) | Q(name__icontains=text))
    if wants_csv(request):
        return csv_response(INSTRUMENTS, (_lines(chunk) for chunk in row_chunks(request, INSTRUMENTS, rows)))
    page = table_page(request, INSTRUMENTS, rows)
    context = {"page": page, "lines": _lines(page.rows), "text": text, "may_upload": may(request.user, Scope.DATA)}
    return render(request, "instruments/instruments.html", context)


def _lines(listed: Sequence[Instrument]) -> list[InstrumentLine]:
    """Needs `series` loaded; two queries more."""
    held = {instrument: [series for series in instrument.series.all() if series.rows] for instrument in listed}
    worst = worst_of(series for held_series in held.values() for series in held_series)
    sparks = sparklines([series[0] for series in held.values() if series])
    return [
        InstrumentLine(
            instrument,
            series,
            sparks.get(series.pk) if series and number == 0 else None,
            is_first=number == 0,
            severity=worst.get(series.pk, "") if series else "",
        )
        for instrument, all_series in held.items()
        for number, series in enumerate(all_series or [None])
    ]


def _usual_timeframe(timeframes: list[str]) -> str:
    """Daily bars where the instrument has them, else what it has."""
    return timeframes[0] if timeframes and Timeframe.DAY not in timeframes else Timeframe.DAY
