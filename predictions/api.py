"""Predictions of a candle run's model over REST."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.rest import Conflict, invalid, known_only
from predictions.services import NotReady, predict_range
from training.errors import RunRefused
from training.models import Kind, TrainingRun
from training.serializers import Refusal

DEFAULT_THRESHOLD = 0.5
_REFUSED = OpenApiResponse(Refusal, "A sentence that says what is wrong and what would do")


class PredictionRow(serializers.Serializer[Any]):
    timestamp = serializers.DateTimeField(help_text="The candle at whose close it is made")
    prediction = serializers.IntegerField(min_value=0, max_value=1)
    probability = serializers.FloatField(min_value=0, max_value=1)
    confidence = serializers.FloatField(min_value=0, max_value=1, help_text="|probability - threshold|")
    sample = serializers.ChoiceField(["before", "train", "validation", "test", "after"])
    target = serializers.DateTimeField(allow_null=True, help_text="The candle it speaks of")


class Predictions(serializers.Serializer[Any]):
    run_id = serializers.CharField()
    symbol = serializers.CharField()
    timeframe = serializers.CharField()
    threshold = serializers.FloatField(min_value=0, max_value=1)
    total_predictions = serializers.IntegerField(min_value=0)
    predictions = PredictionRow(many=True)


@extend_schema(
    operation_id="poc_predictions",
    summary="Ask a candle run's model",
    tags=["predictions"],
    parameters=[
        OpenApiParameter("start_date", OpenApiTypes.DATE, description="First day, in UTC; default: the first there is"),
        OpenApiParameter("end_date", OpenApiTypes.DATE, description="Last day, in UTC; default: the last there is"),
        OpenApiParameter("threshold", OpenApiTypes.FLOAT, description="0 to 1, default 0.5: from here on it is up"),
    ],
    request=None,
    responses={200: Predictions, 400: _REFUSED, 404: _REFUSED, 409: _REFUSED},
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.PREDICT)])
def poc_predictions(request: Request, run_id: str) -> Response:
    start, end, threshold = _asked(request)
    run = TrainingRun.objects.existing().light().filter(run_id=run_id, kind=Kind.CANDLE).first()
    if run is None:
        raise NotFound(f"There is no run {run_id}; it may have been deleted.")
    try:
        return Response(predict_range(run=run, start=start, end=end, threshold=threshold))
    except (NotReady, RunRefused) as error:
        raise Conflict(str(error)) from error


def _asked(request: Request) -> tuple[datetime | None, datetime | None, float]:
    """The query, strictly; `end_date` is taken to its last second."""
    known_only(request, "start_date", "end_date", "threshold")
    errors: dict[str, list[str]] = {}
    start = _day(request, "start_date", errors)
    end = _day(request, "end_date", errors)
    threshold = _threshold(request, errors)
    if start and end and start > end:
        errors["end_date"] = ["Must not be before start_date."]
    if errors:
        raise invalid(errors)
    return start, end and end + timedelta(days=1, seconds=-1), threshold


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
    value = float(text) if re.fullmatch(r"[0-9]{0,20}\.?[0-9]{1,20}", text) else math.nan
    if not 0 <= value <= 1:
        errors["threshold"] = ["Must be a number from 0 to 1, as 0.5."]
    return value
