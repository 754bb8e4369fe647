"""Recommendations over REST."""

import re
from datetime import date

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import answers
from boursomatic.shared.rest import invalid, known_only, list_answer
from predictions.api import schema
from predictions.models import Label, Recommendation, RecommendationQuerySet, RecommendationSet
from predictions.recommendations.as_json import recommendations_json


@extend_schema(
    operation_id="recommendations",
    summary="What was recommended, and what came of it; newest day first, by rank",
    tags=["predictions"],
    parameters=[
        OpenApiParameter("as_of", OpenApiTypes.DATE, description="Only of this session"),
        OpenApiParameter("label", OpenApiTypes.STR, enum=Label.values, description="Only these"),
        OpenApiParameter("version", OpenApiTypes.STR, description="Only by this model"),
        OpenApiParameter("symbol", OpenApiTypes.STR, description="Only of this instrument"),
        OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 200, default 100"),
        OpenApiParameter("before", OpenApiTypes.INT, description="Carried by the Link header's next page"),
    ],
    responses=answers(200, schema.Recommendations),
    filters=False,
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def recommendations(request: Request) -> Response:
    known_only(request, "as_of", "label", "version", "symbol", "limit", "before")
    return list_answer(request, _chosen(request), recommendations_json)


def _chosen(request: Request) -> RecommendationQuerySet:
    """By the sets first: there is one for hundreds of rows, and their index then leads to these rows alone."""
    query, rows, sets = request.query_params, Recommendation.objects.light(), RecommendationSet.objects.all()
    if "as_of" in query:
        sets = sets.filter(as_of=_day(query["as_of"]))
    if "version" in query:
        sets = sets.filter(version=query["version"])
    if "as_of" in query or "version" in query:
        rows = rows.filter(set__in=list(sets.values_list("pk", flat=True)))
    if "symbol" in query:
        rows = rows.filter(series__instrument__symbol=query["symbol"])
    if "label" in query:
        if query["label"] not in Label.values:
            raise invalid({"label": [f"Must be one of: {', '.join(Label.values)}."]})
        rows = rows.filter(label=query["label"])
    return rows


def _day(text: str) -> date:
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError as error:
        raise invalid({"as_of": ["Must be a day, written as 2023-06-15."]}) from error
