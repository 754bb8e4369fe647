"""The chart of one instrument, and the list of all of them."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from boursomatic.accounts.permissions import page_permission
from boursomatic.accounts.roles import Scope, may
from instruments.models import Instrument, PriceBar, Series, Timeframe
from instruments.store.read_bars import UnknownSeries, default_symbol, series_get
from instruments.web.sparklines import Sparkline, sparklines

RANGES = (("1m", "1M"), ("6m", "6M"), ("1y", "1Y"), ("5y", "5Y"), ("all", "All"))
PAGE = 100  # instruments
LAST_BARS = 20  # shown as a table where the chart can't be drawn


@page_permission(Scope.READ)
def backtest(request: HttpRequest) -> HttpResponse:
    """The chart. Its bars come from the API; what is on it comes from the address."""
    with_bars = list(Series.objects.filter(rows__gt=0, instrument__active=True).select_related("instrument"))
    symbol = request.GET.get("symbol") or default_symbol()
    timeframe = request.GET.get("timeframe") or _usual_timeframe(with_bars, symbol)
    context: dict[str, Any] = {
        "symbols": sorted({series.instrument.symbol for series in with_bars}),
        "timeframes": {
            symbol: [series.timeframe for series in with_bars if series.instrument.symbol == symbol]
            for symbol in {series.instrument.symbol for series in with_bars}
        },
        "symbol": symbol,
        "timeframe": timeframe,
        "timeframe_choices": Timeframe.choices,
        "ranges": RANGES,
        "may_train": may(request.user, Scope.TRAIN),
        "may_upload": may(request.user, Scope.DATA),
    }
    try:
        series = series_get(symbol, timeframe)
    except UnknownSeries as error:
        return render(
            request, "instruments/backtest.html", {**context, "problem": str(error)}, status=_status(with_bars)
        )
    bars = PriceBar.objects.filter(series=series).order_by("-timestamp")[:LAST_BARS]
    return render(request, "instruments/backtest.html", {**context, "series": series, "last_bars": bars})


@dataclass(frozen=True)
class InstrumentRow:
    """One line of the list: an instrument, its series, and the line of its main one."""

    instrument: Instrument
    series: list[Series]
    sparkline: Sparkline | None


@page_permission(Scope.READ)
def instruments(request: HttpRequest) -> HttpResponse:
    """Coverage of every instrument, page by page, with the line of its last year."""
    listed = list(
        Instrument.objects.filter(symbol__gt=request.GET.get("after", "")).prefetch_related("series")[: PAGE + 1]
    )
    held = {instrument: [s for s in instrument.series.all() if s.rows] for instrument in listed[:PAGE]}
    lines = sparklines([series[0] for series in held.values() if series])
    rows = [
        InstrumentRow(instrument, series, lines.get(series[0].pk) if series else None)
        for instrument, series in held.items()
    ]
    context = {
        "rows": rows,
        "next": rows[-1].instrument.symbol if len(listed) > PAGE else "",
        "first_page": "after" not in request.GET,
        "may_upload": may(request.user, Scope.DATA),
    }
    return render(request, "instruments/instruments.html", context)


def _usual_timeframe(with_bars: list[Series], symbol: str) -> str:
    """Daily bars where the instrument has them, else what it has."""
    there = [series.timeframe for series in with_bars if series.instrument.symbol == symbol]
    return there[0] if there and Timeframe.DAY not in there else Timeframe.DAY


def _status(with_bars: list[Series]) -> int:
    """Nothing loaded yet is a state of the house, not a wrong address."""
    return 404 if with_bars else 200
