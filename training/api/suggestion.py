"""What the meta-predictor suggests, over REST."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import MOMENT, answers, text_like
from boursomatic.shared.records import to_json
from boursomatic.shared.rest import invalid, known_only
from instruments.store.read_bars import default_symbol
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import TIMEFRAMES, SpecError
from training.recipes.meta_fit.schema import Suggestion
from training.recipes.meta_fit.suggestion import suggestion_for

PARAMETERS = [
    OpenApiParameter("symbol", OpenApiTypes.STR, description="Default: the platform's default symbol"),
    text_like("candle_date", MOMENT, "The candle of the run, in UTC", required=True),
    OpenApiParameter("timeframe", OpenApiTypes.STR, enum=TIMEFRAMES, description="Default: 1d"),
]


@extend_schema(
    operation_id="suggestion",
    summary="Settings that did well in markets like this one",
    description="Learnt from the team's own search trials whose last outcome was known at the candle. Nothing is "
    "applied by itself: send `params` to run-poc with `study_id` and `seen_until`.",
    tags=["studies"],
    parameters=PARAMETERS,
    responses=answers(200, Suggestion),
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def suggestion(request: Request) -> Response:
    known_only(request, *(parameter.name for parameter in PARAMETERS))
    try:
        spec = parse_candle_spec(request.query_params.dict(), default_symbol=default_symbol())
        return Response(to_json(suggestion_for(spec)))
    except SpecError as error:
        raise invalid(error.errors) from error
