"""Instruments and their bars over REST."""

import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import api_view, parser_classes, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.audit import audit
from boursomatic.accounts.permissions import api_permission, person_of
from boursomatic.accounts.roles import Scope
from boursomatic.shared.json_arrays import json_answer
from boursomatic.shared.openapi import MOMENT, PAGE, UNCHANGED, answers, text_like
from boursomatic.shared.rest import invalid, known_only, list_answer
from instruments.api import schema
from instruments.api.bodies import CSVParser, LongJSONParser
from instruments.imports.report import REJECT, SKIP
from instruments.imports.services import table_import
from instruments.models import Instrument, Series, Timeframe
from instruments.quant.bars import Bars
from instruments.quant.features.indicators import INDICATORS, indicator_lines
from instruments.quant.ingest.checks import SPELLED
from instruments.quant.ingest.dates import read_moments
from instruments.quant.ingest.headers import NUMBERS, NotBars, recognise
from instruments.quant.ingest.rows import RawTable, read_rows
from instruments.sources.files import read_csv
from instruments.store.columns import mapped_bars
from instruments.store.read_bars import MarkedBars, UnknownSeries, load_marked, series_get
from instruments.store.revisions import NotRecorded, Origin, bars_as_known, with_bars

_TIMEFRAME = OpenApiParameter("timeframe", OpenApiTypes.STR, enum=Timeframe.values)
_WINDOW = [
    text_like("start", f"(?:{MOMENT})?", "First time, as 2023-06-15 or 2023-06-15T14:00:00Z"),
    text_like("end", f"(?:{MOMENT})?", "Last time; a day alone is all of that day"),
    OpenApiParameter("price", OpenApiTypes.STR, enum=["raw", "adjusted"]),
]
_AS_KNOWN = text_like(
    "as_known",
    f"(?:{MOMENT})?",
    "As the bars stood then, whatever was imported or repaired since; a day alone is its end. Refused for "
    "moments before changes were recorded",
)
_INDICATOR_NAMES = [indicator.name for indicator in INDICATORS]
_ANY_INDICATOR = f"(?:{'|'.join(_INDICATOR_NAMES)})"
_HOW = [
    OpenApiParameter("source", OpenApiTypes.STR, description="Where the bars come from, default api"),
    OpenApiParameter("on_bad", OpenApiTypes.STR, enum=[REJECT, SKIP]),
]


@extend_schema(
    operation_id="instruments",
    summary="Instruments and what is stored of each",
    tags=["instruments"],
    parameters=[
        *PAGE,
    ],
    responses=answers(200, schema.Instruments),
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def instruments(request: Request) -> Response:
    known_only(request, "limit", "before")
    return list_answer(
        request, Instrument.objects.prefetch_related("series"), lambda page: [_instrument_json(one) for one in page]
    )


@extend_schema(
    methods=["GET"],
    operation_id="bars",
    summary="Bars of an instrument, as columns",
    tags=["instruments"],
    parameters=[_TIMEFRAME, *_WINDOW, _AS_KNOWN],
    responses=answers(200, schema.Bars, 404) | UNCHANGED,
)
@extend_schema(
    methods=["POST"],
    operation_id="bars_import",
    summary="Store bars of an instrument",
    tags=["instruments"],
    parameters=[_TIMEFRAME, *_HOW],
    request={"text/csv": OpenApiTypes.STR, "application/json": schema.BarRows},
    responses=answers(200, schema.ImportReport, 413, 415)
    | {400: OpenApiResponse(schema.NothingStored, "Nothing was stored, or a parameter is wrong")},
)
@api_view(["GET", "POST"])
@permission_classes([api_permission(Scope.READ, write=Scope.DATA)])
@parser_classes([CSVParser, LongJSONParser])
def bars(request: Request, symbol: str) -> HttpResponseBase:
    return _bars_store(request, symbol) if request.method == "POST" else _bars_show(request, symbol)


def _bars_show(request: Request, symbol: str) -> HttpResponseBase:
    known_only(request, "timeframe", "start", "end", "price", "as_known")
    price = _choice(request, "price", ["raw", "adjusted"], "raw")
    start, end = _moment(request, "start", last=False), _moment(request, "end", last=True)
    as_known = _moment(request, "as_known", last=True)
    series = _series(request, symbol)
    etag = _etag(series, start, end, price, as_known)
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        return unchanged
    if as_known is not None:
        series = _then(series, as_known)
    columns = _bars_columns(series, _load(series, start, end), price)
    return json_answer(request, columns, etag=etag)


def _bars_columns(series: Series, marked: MarkedBars, price: str) -> dict[str, Any]:
    bars = _shown(series, marked, price)
    return {
        "symbol": series.instrument.symbol,
        "timeframe": series.timeframe,
        "price": price,
        "basis": series.basis,
        "time": bars.time.astype("datetime64[s]"),
        "epoch": bars.time,
        **{name: np.ascontiguousarray(getattr(bars, name)) for name in NUMBERS},
        "stale": marked.stale_time,
    }


@extend_schema(
    operation_id="indicators",
    summary="Indicators of an instrument, as columns beside its bars",
    description="Computed by the code of the features of a universe, from every stored bar, whatever range is asked "
    "for. With adjusted prices, the default, they are the numbers that features are made of; of a series that is kept "
    "as traded those in prices are brought to its newest bar.",
    tags=["instruments"],
    parameters=[
        _TIMEFRAME,
        *_WINDOW,
        text_like(
            "names",
            f"{_ANY_INDICATOR}(?:,{_ANY_INDICATOR})*",
            f"Some of {', '.join(_INDICATOR_NAMES)}, with commas between them; default: all",
        ),
    ],
    responses=answers(200, schema.Indicators, 404) | UNCHANGED,
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def indicators(request: Request, symbol: str) -> HttpResponseBase:
    known_only(request, "timeframe", "start", "end", "price", "names")
    price = _choice(request, "price", ["raw", "adjusted"], "adjusted")
    names = request.query_params.get("names", ",".join(_INDICATOR_NAMES)).split(",")
    if not set(names) <= set(_INDICATOR_NAMES):
        raise invalid({"names": [f"Must be some of: {', '.join(_INDICATOR_NAMES)}, with commas between them."]})
    start, end = _moment(request, "start", last=False), _moment(request, "end", last=True)
    series = _series(request, symbol)
    etag = _etag(series, start, end, price, sorted(names))
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        return unchanged
    shown = _shown(series, _load(series, None, end), price)
    lines = indicator_lines(shown, names)
    first = int(np.searchsorted(shown.time, start.timestamp())) if start else 0
    columns = {
        "symbol": series.instrument.symbol,
        "timeframe": series.timeframe,
        "price": price,
        "epoch": shown.time[first:],
        "lines": {name: values[first:] for name, values in lines.items()},
    }
    return json_answer(request, columns, etag=etag)


def _shown(series: Series, marked: MarkedBars, price: str) -> Bars:
    """As they were traded with the adjusted close beside them, or adjusted as of the series' newest bar."""
    bars = marked.as_of(int(series.last.timestamp())) if series.last else marked.stored
    return bars.adjusted() if price == "adjusted" else replace(bars, volume=marked.stored.volume)


def _load(series: Series, start: datetime | None, end: datetime | None) -> MarkedBars:
    """From the columnar cache where a run has filled it, else from the database: a page fills nothing."""
    mapped = mapped_bars(series) if series.bars_then is None else None
    return mapped.between(start, end) if mapped else load_marked(series, start=start, end=end)


def _then(series: Series, as_known: datetime) -> Series:
    try:
        return with_bars(series, bars_as_known(series, as_known))
    except NotRecorded as refusal:
        raise invalid({"as_known": [str(refusal)]}) from refusal


def _series(request: Request, symbol: str) -> Series:
    try:
        return series_get(symbol, _choice(request, "timeframe", Timeframe.values, Timeframe.DAY.value))
    except UnknownSeries as error:
        raise NotFound(str(error)) from error


def _etag(series: Series, *asked: object) -> str:
    """Another one after each import."""
    return f'"{hashlib.sha256(repr((series.pk, series.updated_at, *asked)).encode()).hexdigest()[:32]}"'


def _bars_store(request: Request, symbol: str) -> Response:
    known_only(request, "timeframe", "source", "on_bad")
    timeframe = _choice(request, "timeframe", Timeframe.values, "") or None
    on_bad = _choice(request, "on_bad", [REJECT, SKIP], REJECT)
    if not SPELLED.fullmatch(symbol):
        raise invalid({"symbol": ["Up to 32 letters, digits and . ^ = - _ / make a symbol."]})
    try:
        table = read_csv(io.StringIO(request.data, newline="")) if isinstance(request.data, str) else _rows(request)
    except NotBars as reason:
        raise invalid({"detail": [str(reason)]}) from reason
    report = table_import(
        table=table,
        name="body",
        symbol=symbol,
        timeframe=timeframe,
        source=request.query_params.get("source") or "api",
        on_bad=on_bad,
        origin=Origin(user=person_of(request)),
    )
    if report.refused:
        return Response({**report.as_dict(), "detail": " ".join(report.refused)}, status=400)
    audit(request.user, "bars.import", symbol, inserted=report.inserted, updated=report.updated)
    return Response(report.as_dict())


def _rows(request: Request) -> RawTable:
    """The table of a JSON array of objects; a text or a boolean is no number."""
    rows = request.data
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise NotBars('Send an array of objects, as [{"date": "2023-06-15", "open": 1, "high": 2, …}], or text/csv.')
    header = list(dict.fromkeys(name for row in rows for name in row))
    columns = recognise(header)
    known = set(columns.places.values()) | ({columns.clock} if columns.clock is not None else set())
    if unknown := [name for place, name in enumerate(header) if place not in known]:
        raise invalid({name[:60]: ["Unknown field. Known: date, open, high, low, close, volume, adj_close, symbol."]
                       for name in unknown})  # fmt: skip
    for number, row in enumerate(rows, start=1):
        for name in NUMBERS:
            value = row.get(header[columns.places[name]]) if name in columns.places else None
            if isinstance(value, bool) or not isinstance(value, int | float | None):
                raise invalid({name: [f"Row {number}: must be a number."]})
    return read_rows(columns, ((i, [row.get(name) for name in header]) for i, row in enumerate(rows, start=1)))


def _choice(request: Request, name: str, choices: list[str], default: str) -> str:
    value = request.query_params.get(name, default)
    if value != default and value not in choices:
        raise invalid({name: [f"Must be one of: {', '.join(choices)}."]})
    return value


def _moment(request: Request, name: str, *, last: bool) -> datetime | None:
    text = request.query_params.get(name, "").strip()
    if not text:
        return None
    found = read_moments([text])
    if found.reasons[0]:
        raise invalid({name: [f"{found.reasons[0].capitalize()}. Write it as 2023-06-15 or 2023-06-15T00:00:00Z."]})
    moment = datetime.fromtimestamp(int(found.utc[0]), UTC)
    return moment + timedelta(days=1, seconds=-1) if last and len(text) <= len("2023-06-15") else moment


def _instrument_json(instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": instrument.symbol,
        "name": instrument.name,
        "currency": instrument.currency,
        "active": instrument.active,
        "timeframes": {
            series.timeframe: {"rows": series.rows, "first": _iso(series.first), "last": _iso(series.last)}
            for series in instrument.series.all()
        },
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None
