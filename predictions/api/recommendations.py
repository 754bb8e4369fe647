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
from boursomatic.shared.openapi import PAGE, answers
from boursomatic.shared.rest import invalid, known_only, list_answer
from predictions.api import schema
from predictions.models import Label, Recommendation, RecommendationQuerySet, RecommendationSet
from predictions.recipes.recommend.schema import RecommendRequest
from predictions.recipes.recommend.spec import RecommendSpec, parse_recommend_request
from predictions.recipes.score.schema import ScoreRequest
from predictions.recipes.score.spec import parse_score_request
from predictions.recommendations.as_json import recommendations_json
from predictions.recommendations.days import coverage_of
from training.api.runs import KEY, run_started
from training.recipes.universe.schema import RunAccepted


@extend_schema(
    operation_id="recommendations",
    summary="What was recommended, and what came of it; newest day first, by rank",
    tags=["predictions"],
    parameters=[
        OpenApiParameter("as_of", OpenApiTypes.DATE, description="Only of this session"),
        OpenApiParameter("label", OpenApiTypes.STR, enum=Label.values, description="Only these"),
        OpenApiParameter("version", OpenApiTypes.STR, description="Only by this model"),
        OpenApiParameter("symbol", OpenApiTypes.STR, description="Only of this instrument"),
        *PAGE,
    ],
    responses=answers(200, schema.Recommendations),
    filters=False,
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def recommendations(request: Request) -> Response:
    known_only(request, "as_of", "label", "version", "symbol", "limit", "before")
    return list_answer(request, _chosen(request), recommendations_json)


@extend_schema(
    operation_id="run_recommendations",
    summary="Recommend on the newest bar or a past day, or replay many days",
    description="By the named model or the universe's active ones. A replay is of the last session of each week or "
    "month that the model has not seen; nothing is retrained for it, and it is counted apart.",
    tags=["predictions"],
    parameters=[KEY],
    request=RecommendRequest,
    responses=answers(202, RunAccepted, 409, 413, 415, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def recommendation_runs(request: Request) -> Response:
    known_only(request)
    spec, run = run_started(request, parse_recommend_request)
    return Response({"started": True, "run_id": run.run_id, "message": _message(spec)}, status=202)


@extend_schema(
    operation_id="score_recommendations",
    summary="Score the recommendations whose horizon has passed",
    tags=["predictions"],
    parameters=[KEY],
    request=ScoreRequest,
    responses=answers(202, RunAccepted, 409, 413, 415, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.DATA)])
def recommendation_score(request: Request) -> Response:
    known_only(request)
    _, run = run_started(request, parse_score_request)
    message = "Scoring every recommendation whose horizon has passed"
    return Response({"started": True, "run_id": run.run_id, "message": message}, status=202)


def _message(spec: RecommendSpec) -> str:
    if spec.replay:
        span = f"from {spec.replay.first} to {spec.replay.last}, the last session of each {spec.replay.every}"
        return f"Replay started for the universe {spec.universe}, {span}"
    when = f"as of {spec.as_of}" if spec.as_of else str(coverage_of(spec.universe))
    return f"Recommendations started for the universe {spec.universe}, {when}"


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
