"""Runs of every kind over REST: thin over services and presenting; and what the endpoints of several kinds share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound, PermissionDenied, Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission, person_of
from boursomatic.accounts.roles import Scope, may_change_run_of
from boursomatic.shared.openapi import PAGE, answers
from boursomatic.shared.rest import Conflict, idempotency_key, invalid, known_only, list_answer
from training.api import schema
from training.api.filter_parameters import RUN_FILTERS
from training.errors import KeyReused, TooLate, TooManyRuns
from training.filters.runs import RunFilter
from training.models import TrainingRun, TrainingRunQuerySet
from training.quant.candle.spec import SpecError
from training.quant.walk_forward.spec import parse_universe_request
from training.queue import leases
from training.recipes.base import Spec
from training.recipes.kinds import listed_kinds, unasked_kinds
from training.recipes.universe.schema import RunAccepted
from training.recipes.walk_forward.schema import UniverseRequest
from training.runs import services
from training.runs.annotations import parse_annotations, run_describe
from training.runs.as_json import run_json, runs_json

S = TypeVar("S", bound=Spec)

MINE = OpenApiParameter("mine", OpenApiTypes.STR, enum=["0", "1"], description="1: only runs of the asking member")
_PAGE = [
    *PAGE,
]
FILTERS = [*RUN_FILTERS, MINE, *_PAGE]
KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "pattern": "^[ -~]{0,200}$"},
    OpenApiParameter.HEADER,
    description="The same key and body within a day: the same answer and no second run",
)


@extend_schema(
    methods=["GET"],
    operation_id="runs",
    summary="Runs of every kind, newest first",
    tags=["runs and models"],
    parameters=FILTERS,
    responses=answers(200, schema.Runs),
    filters=False,
)
@extend_schema(
    methods=["POST"],
    operation_id="run_universe",
    summary="Train a universe, or walk it forward",
    description="With `walk_forward` it keeps no model: each fold is trained on its past and judged on the days that "
    "follow, as a run of its own on the workers; the answer names the run that they are pooled in.",
    tags=["runs and models"],
    parameters=[KEY],
    request=UniverseRequest,
    responses=answers(202, RunAccepted, 409, 413, 415, 429),
)
@api_view(["GET", "POST"])
@permission_classes([api_permission(Scope.READ, write=Scope.TRAIN)])
def runs(request: Request) -> Response:
    if request.method == "GET":
        of_kind = {} if "kind" in request.query_params else {"kind__in": unasked_kinds()}
        return run_list(request, TrainingRun.objects.filter(**of_kind))
    known_only(request)
    spec, run = run_started(request, parse_universe_request)
    what = "Walk-forward" if spec.kind == "walk" else "Training"
    message = f"{what} started for the universe {spec.universe}"
    return Response({"started": True, "run_id": run.run_id, "message": message}, status=202)


@extend_schema(
    methods=["GET"],
    operation_id="run",
    summary="One run of any kind",
    tags=["runs and models"],
    responses=answers(200, schema.AnyRun, 404),
)
@extend_schema(
    methods=["PATCH"],
    operation_id="run_describe",
    summary="Name a run of any kind, note, tag or pin it",
    tags=["runs and models"],
    request=schema.RunAnnotations,
    responses=answers(200, schema.AnyRun, 404, 409, 413, 415),
)
@extend_schema(
    methods=["DELETE"],
    operation_id="run_delete",
    summary="Delete a run of any kind",
    tags=["runs and models"],
    description="As of a candle run; a walk goes with its folds.",
    responses=answers(204, None, 404, 409),
)
@api_view(["GET", "PATCH", "DELETE"])
@permission_classes([api_permission(Scope.READ, write=Scope.TRAIN)])
def run(request: Request, run_id: str) -> Response:
    known_only(request)
    if request.method == "PATCH":
        return described(request, run_id, *listed_kinds())
    if request.method == "DELETE":
        return deleted(request, changeable(request, run_id, "delete", *listed_kinds()))
    leases.reclaim_expired()
    return Response(run_json(find_run(run_id)))


@extend_schema(
    operation_id="run_cancel",
    summary="Cancel a run of any kind",
    tags=["runs and models"],
    description="As of a candle run; a walk with its folds.",
    request=None,
    responses=answers(202, schema.AnyRun, 404, 409),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def run_cancel(request: Request, run_id: str) -> Response:
    known_only(request)
    return cancelled(request, changeable(request, run_id, "cancel", *listed_kinds()))


@extend_schema(
    operation_id="run_verify",
    summary="Train a finished run again and compare",
    description="Of a candle run, an ensemble, a universe run or a walk: bit-identical, or what differs, and whether "
    "later bars change anything. The answer names the run that finds out.",
    tags=["runs and models"],
    request=None,
    responses=answers(202, RunAccepted, 404, 409, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def run_verify(request: Request, run_id: str) -> Response:
    return _follow_up(request, run_id, "verify", "Verification")


@extend_schema(
    operation_id="run_control",
    summary="Run the noise control of a finished run",
    description="The same settings where nothing is to be found: a candle run's labels rotated in time, a universe's "
    "returns those of other instruments, of other days. The answer names the run that finds out.",
    tags=["runs and models"],
    request=None,
    responses=answers(202, RunAccepted, 404, 409, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def run_control(request: Request, run_id: str) -> Response:
    return _follow_up(request, run_id, "control", "Noise control")


def _follow_up(request: Request, run_id: str, verb: str, what: str) -> Response:
    known_only(request)
    try:
        job = services.follow_up_create(verb=verb, run=find_run(run_id), user=person_of(request))
    except TooLate as error:
        raise Conflict(str(error)) from error
    except TooManyRuns as error:
        raise Throttled(error.retry_after, str(error)) from error
    return Response({"started": True, "run_id": job.run_id, "message": f"{what} started for run {run_id}"}, status=202)


def cancelled(request: Request, run: TrainingRun) -> Response:
    try:
        services.run_cancel(run=run, user=person_of(request))
    except TooLate as error:
        raise Conflict(str(error)) from error
    return Response(run_json(find_run(run.run_id)), status=202)


def deleted(request: Request, run: TrainingRun) -> Response:
    try:
        services.run_delete(run=run, user=person_of(request))
    except TooLate as error:
        raise Conflict(str(error)) from error
    return Response(status=204)


def described(request: Request, run_id: str, *kinds: str) -> Response:
    run = changeable(request, run_id, "describe", *kinds)
    try:
        run_describe(run=run, user=person_of(request), changes=parse_annotations(request.data))
    except SpecError as error:
        raise invalid(error.errors) from error
    except TooLate as error:
        raise Conflict(str(error)) from error
    return Response(run_json(find_run(run_id, *kinds)))


def run_list(request: Request, rows: TrainingRunQuerySet) -> Response:
    known_only(request, *RunFilter.base_filters, "mine", "limit", "before")
    chosen = RunFilter(request.query_params, queryset=only_mine(request, rows.existing().light()), request=request)
    if not chosen.is_valid():
        raise invalid({name: [str(message) for message in errors] for name, errors in chosen.errors.items()})
    leases.reclaim_expired()
    return list_answer(request, chosen.qs, runs_json)


def only_mine(request: Request, rows: TrainingRunQuerySet) -> TrainingRunQuerySet:
    mine = request.query_params.get("mine", "0")
    if mine not in ("0", "1"):
        raise invalid({"mine": ["Must be 1 (your own runs) or 0 (everybody's)."]})
    return rows.filter(created_by=person_of(request)) if mine == "1" else rows


def readable() -> TrainingRunQuerySet:
    return TrainingRun.objects.existing().light()


def find_run(run_id: str, *kinds: str) -> TrainingRun:
    rows = readable().filter(run_id=run_id)
    found = (rows.filter(kind__in=kinds) if kinds else rows).first()
    if found is None:
        raise NotFound(f"There is no run {run_id}; it may have been deleted.")
    return found


def changeable(request: Request, run_id: str, verb: str, *kinds: str) -> TrainingRun:
    """The run, if this member may change it: one's own, or anyone's for managers."""
    run = find_run(run_id, *kinds)
    if not may_change_run_of(person_of(request), run.created_by_id):
        owner = run.created_by.get_username() if run.created_by else "somebody else"
        raise PermissionDenied(
            f"Run {run_id} is {owner}'s. You can {verb} your own runs; managers can {verb} anyone's."
        )
    return run


def run_started(request: Request, parse: Callable[[Any], S]) -> tuple[S, TrainingRun]:
    """What the body asks for, and its queued run. Answers 400, 409 or 429 where there is none."""
    with refusals():
        spec = parse(request.data)
        run = services.run_create(spec=spec, user=person_of(request), idempotency_key=idempotency_key(request))
    return spec, run


@contextmanager
def refusals() -> Iterator[None]:
    """Why there is no run, as 400, 409 or 429."""
    try:
        yield
    except SpecError as error:
        raise invalid(error.errors) from error
    except TooManyRuns as error:
        raise Throttled(error.retry_after, str(error)) from error
    except KeyReused as error:
        raise Conflict(str(error)) from error
