"""Studies over REST: thin over services and presenting."""

from collections.abc import Callable
from functools import partial

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission, person_of
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import Shape, answers
from boursomatic.shared.rest import Conflict, known_only
from instruments.store.read_bars import default_symbol
from training.api.runs import KEY, changeable, find_run, run_started
from training.errors import TooLate
from training.models import TrainingRun
from training.queue import leases
from training.recipes.study.as_json import study_json, trials_json
from training.recipes.study.recipe import RECIPE as STUDY
from training.recipes.study.schema import Study, StudyAccepted, StudyRequest, StudyTrialFigures
from training.recipes.study.spec import parse_study_spec
from training.runs import services

SearchTrials = Shape("StudyTrials", list[StudyTrialFigures])


@extend_schema(
    operation_id="study_start",
    summary="Optimize, then train at a candle",
    description="Looks for better settings in what lies before the windows that confirm the run, then starts the run "
    "with what was taken. Study and run are one trial of the multiple-testing log. Runs that must repeat set `trials`, "
    "not `seconds`.",
    tags=["studies"],
    parameters=[KEY],
    request=StudyRequest,
    responses=answers(202, StudyAccepted, 409, 413, 415, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def studies(request: Request) -> Response:
    known_only(request)
    _, run = run_started(request, partial(parse_study_spec, default_symbol=default_symbol()))
    return Response({"started": True, "study_id": run.run_id}, status=202)


@extend_schema(
    operation_id="study",
    summary="One study",
    tags=["studies"],
    responses=answers(200, Study, 404),
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def study(request: Request, study_id: str) -> Response:
    known_only(request)
    leases.reclaim_expired()
    return Response(study_json(_find(study_id)))


@extend_schema(
    operation_id="study_trials",
    summary="A study's trials, in their order",
    description="All that are done, the user's values first. They are no trials of the multiple-testing log.",
    tags=["studies"],
    responses=answers(200, SearchTrials, 404),
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def study_trials(request: Request, study_id: str) -> Response:
    known_only(request)
    return Response(trials_json(_find(study_id)))


@extend_schema(
    operation_id="study_stop",
    summary="Stop a study and take the best so far",
    description="Accepted means that it completes after the trial under way. 409 when it has ended.",
    tags=["studies"],
    request=None,
    responses=answers(202, Study, 404, 409),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def study_stop(request: Request, study_id: str) -> Response:
    return _ending(request, study_id, "stop", services.run_stop)


@extend_schema(
    operation_id="study_cancel",
    summary="Cancel a study",
    description="Accepted means that it ends `cancelled`, and makes no run. 409 when it has ended.",
    tags=["studies"],
    request=None,
    responses=answers(202, Study, 404, 409),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def study_cancel(request: Request, study_id: str) -> Response:
    return _ending(request, study_id, "cancel", services.run_cancel)


def _ending(request: Request, study_id: str, verb: str, ask: Callable[..., TrainingRun]) -> Response:
    known_only(request)
    try:
        ask(run=changeable(request, study_id, verb, STUDY.kind), user=person_of(request))
    except TooLate as error:
        raise Conflict(str(error)) from error
    return Response(study_json(_find(study_id)), status=202)


def _find(study_id: str) -> TrainingRun:
    return find_run(study_id, STUDY.kind)
