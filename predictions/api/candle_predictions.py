"""Predictions of a candle run's model over REST."""

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.json_arrays import json_answer
from boursomatic.shared.openapi import UNCHANGED, answers, day_of, text_like
from boursomatic.shared.rest import Conflict, invalid, known_only
from instruments.models import Series
from instruments.store.read_bars import UnknownSeries
from predictions.api import schema
from predictions.candle.answers import columns_answer, performance_answer, rows_answer
from predictions.candle.ask import CandlePredictions, NotReady, ask, other_series
from predictions.candle.services import predictions_keep
from training.errors import RunRefused
from training.models import TrainingRun

DEFAULT_THRESHOLD = 0.5
_DAY = day_of("1[89]|2[0-9]")
_RANGE = [
    text_like("start_date", _DAY, "First day, in UTC; default: the first there is"),
    text_like("end_date", _DAY, "Last day, in UTC; default: the last there is"),
    OpenApiParameter("symbol", OpenApiTypes.STR, description="Another instrument; the answer then has a warning"),
]
_THRESHOLD = OpenApiParameter(
    "threshold", {"type": "number", "minimum": 0, "maximum": 1}, description="Default 0.5: from here on up"
)


@extend_schema(
    operation_id="poc_predictions",
    summary="Ask a candle run's model",
    tags=["predictions"],
    parameters=[*_RANGE, _THRESHOLD],
    request=None,
    responses=answers(200, schema.Predictions, 404, 409),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.PREDICT)])
def poc_predictions(request: Request, run_id: str) -> HttpResponse:
    query = _query(request, "threshold")
    predicted = _predicted(query, run_id)
    predictions_keep(predicted=predicted)
    return json_answer(request, rows_answer(predicted, query.threshold))


@extend_schema(
    operation_id="poc_prediction_columns",
    summary="The same as columns, for charts",
    tags=["predictions"],
    parameters=_RANGE,
    responses=answers(200, schema.PredictionColumns, 404, 409) | UNCHANGED,
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.PREDICT)])
def poc_prediction_columns(request: Request, run_id: str) -> HttpResponseBase:
    query = _query(request)

    def answer(predicted: CandlePredictions) -> dict[str, Any]:
        predictions_keep(predicted=predicted)  # served of an open future: stored, whichever way it was asked for
        return columns_answer(predicted)

    return _unless_unchanged(request, run_id, query, answer)


@extend_schema(
    operation_id="poc_performance",
    summary="Profit and loss of following a model, on candles that it was not made of",
    tags=["predictions"],
    parameters=[*_RANGE, _THRESHOLD],
    responses=answers(200, schema.PredictionPerformance, 404, 409) | UNCHANGED,
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.PREDICT)])
def poc_performance(request: Request, run_id: str) -> HttpResponseBase:
    query = _query(request, "threshold")
    return _unless_unchanged(request, run_id, query, lambda predicted: performance_answer(predicted, query.threshold))


@dataclass(frozen=True)
class PredictionQuery:
    """The query, strictly; `end` is taken to its last second."""

    start: datetime | None
    end: datetime | None
    threshold: float
    symbol: str | None


def _query(request: Request, *more: str) -> PredictionQuery:
    known_only(request, "start_date", "end_date", "symbol", *more)
    errors: dict[str, list[str]] = {}
    start = _day(request, "start_date", errors)
    end = _day(request, "end_date", errors)
    threshold = _threshold(request, errors)
    if start and end and start > end:
        errors["end_date"] = ["Must not be before start_date."]
    if errors:
        raise invalid(errors)
    return PredictionQuery(
        start, end and end + timedelta(days=1, seconds=-1), threshold, request.query_params.get("symbol")
    )


def _predicted(query: PredictionQuery, run_id: str) -> CandlePredictions:
    run = _run(run_id)
    try:
        return ask(run=run, series=_series(run, query.symbol), start=query.start, end=query.end)
    except (NotReady, RunRefused) as error:
        raise Conflict(str(error)) from error


def _unless_unchanged(
    request: Request, run_id: str, query: PredictionQuery, answer: Callable[[CandlePredictions], dict[str, Any]]
) -> HttpResponseBase:
    """The answer, or 304: a run's model never changes, so only new bars change what it says."""
    run = _run(run_id)
    series = _series(run, query.symbol) or run.series
    told = repr((run_id, run.status, series and (series.pk, series.updated_at), query))
    etag = f'"{hashlib.sha256(told.encode()).hexdigest()[:32]}"'
    unchanged = get_conditional_response(request, etag=etag)
    if unchanged is not None:
        return unchanged
    return json_answer(request, answer(_predicted(query, run_id)), etag=etag)


def _run(run_id: str) -> TrainingRun:
    run = TrainingRun.objects.existing().light().filter(run_id=run_id, subject=None, universe=None).first()
    if run is None:
        raise NotFound(f"There is no run {run_id}; it may have been deleted.")
    return run


def _series(run: TrainingRun, symbol: str | None) -> Series | None:
    try:
        return other_series(run, symbol)
    except UnknownSeries as error:
        raise NotFound(str(error)) from error


def _day(request: Request, name: str, errors: dict[str, list[str]]) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) or not "1800" <= text[:4] <= "2999":
            raise ValueError
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        errors[name] = ["Must be a day from 1800 to 2999, written as 2023-06-15."]
        return None


def _threshold(request: Request, errors: dict[str, list[str]]) -> float:
    text = request.query_params.get("threshold", str(DEFAULT_THRESHOLD))
    value = float(text) if re.fullmatch(r"[0-9]{0,20}\.?[0-9]{1,20}(e-[0-9]{1,3})?", text) else math.nan
    if not 0 <= value <= 1:
        errors["threshold"] = ["Must be a number from 0 to 1, as 0.5."]
    return value
