"""Candle runs and runs of every kind over REST: thin over services and presenting."""

from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound, PermissionDenied, Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope, may_change_run_of
from boursomatic.rest import Conflict, invalid, known_only, list_answer
from instruments.loading import default_symbol
from training import leases, serializers, services
from training.describing import parse_words, run_describe
from training.errors import KeyReused, TooLate, TooManyRuns
from training.filter_schema import RUN_FILTERS
from training.filters import RunFilter
from training.models import JOBS, Kind, TrainingRun, TrainingRunQuerySet
from training.presenting import run_json, runs_json
from training.quant.spec import SpecError, parse_candle_spec
from training.quant.walk_spec import parse_universe_request
from training.serializers_universe import AnyRun, AnyRuns, UniverseAccepted, UniverseRequest
from training.storage import run_folder

_REFUSED = OpenApiResponse(serializers.Refusal, "A sentence that says what is wrong and what would do")
_MINE = OpenApiParameter("mine", OpenApiTypes.STR, enum=["1"], description="Only runs of the asking member")
_PAGE = [
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 200, default 100"),
    OpenApiParameter("before", OpenApiTypes.INT, description="Carried by the Link header's next page"),
]
_FILTERS = [*RUN_FILTERS, _MINE, *_PAGE]
_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key and body within a day: the same answer and no second run",
)


@extend_schema(
    operation_id="run_poc",
    summary="Train at a candle",
    tags=["candle runs"],
    parameters=[_KEY],
    request=serializers.CandleRequest,
    responses={202: serializers.CandleAccepted, 400: _REFUSED, 409: _REFUSED, 429: _REFUSED},
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def run_poc(request: Request) -> Response:
    known_only(request)
    try:
        spec = parse_candle_spec(request.data, default_symbol=default_symbol())
        run = services.candle_run_create(user=_user(request), spec=spec, idempotency_key=_idempotency_key(request))
    except SpecError as error:
        raise invalid(error.errors) from error
    except TooManyRuns as error:
        raise Throttled(error.retry_after, str(error)) from error
    except KeyReused as error:
        raise Conflict(str(error)) from error
    answer = {
        "started": True,
        "run_id": run.run_id,
        "pid": run.worker_pid,
        "message": f"POC training started for candle {spec.candle}",
        "output_dir": run_folder(run.run_id),
    }
    return Response(answer, status=202)


@extend_schema(
    operation_id="poc_runs",
    summary="Candle runs, newest first",
    tags=["candle runs"],
    parameters=_FILTERS,
    responses={200: serializers.Run(many=True), 400: _REFUSED},
    filters=False,
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def poc_runs(request: Request) -> Response:
    return _run_list(request, TrainingRun.objects.filter(kind=Kind.CANDLE))


@extend_schema(
    operation_id="latest_poc_run",
    summary="The newest candle run",
    tags=["candle runs"],
    parameters=[_MINE],
    responses={200: serializers.Run, 404: _REFUSED},
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def latest_poc_run(request: Request) -> Response:
    known_only(request, "mine")
    leases.release_lost()
    run = _mine(request, _readable().filter(kind=Kind.CANDLE)).newest_first().first()
    if run is None:
        raise NotFound("There is no candle run yet. POST /api/training/run-poc starts one.")
    return Response(run_json(run))


@extend_schema(
    methods=["GET"],
    operation_id="poc_run",
    summary="One candle run",
    tags=["candle runs"],
    responses={200: serializers.Run, 404: _REFUSED},
)
@extend_schema(
    methods=["DELETE"],
    operation_id="poc_run_delete",
    summary="Delete a candle run",
    tags=["candle runs"],
    description="Gone from every list at once. 409 while it is queued or running, or while its model is active.",
    responses={204: None, 403: _REFUSED, 404: _REFUSED, 409: _REFUSED},
)
@extend_schema(
    methods=["PATCH"],
    operation_id="poc_run_describe",
    summary="Name a candle run, note, tag or pin it",
    tags=["candle runs"],
    request=serializers.RunWords,
    responses={200: serializers.Run, 400: _REFUSED, 403: _REFUSED, 404: _REFUSED, 409: _REFUSED},
)
@api_view(["GET", "PATCH", "DELETE"])
@permission_classes([api_permission(Scope.READ, write=Scope.TRAIN)])
def poc_run(request: Request, run_id: str) -> Response:
    known_only(request)
    if request.method == "GET":
        leases.release_lost()
        return Response(run_json(_run(run_id, Kind.CANDLE)))
    if request.method == "PATCH":
        return _describe(request, run_id, Kind.CANDLE)
    run = _changeable(request, run_id, "delete", Kind.CANDLE)
    try:
        services.run_delete(run=run, user=_user(request))
    except TooLate as error:
        raise Conflict(str(error)) from error
    return Response(status=204)


@extend_schema(
    operation_id="poc_run_cancel",
    summary="Cancel a candle run",
    tags=["candle runs"],
    description="Accepted means that it ends `cancelled`, without model and files. 409 when it has ended.",
    request=None,
    responses={202: serializers.Run, 403: _REFUSED, 404: _REFUSED, 409: _REFUSED},
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def poc_run_cancel(request: Request, run_id: str) -> Response:
    known_only(request)
    run = _changeable(request, run_id, "cancel", Kind.CANDLE)
    try:
        services.run_cancel(run=run, user=_user(request))
    except TooLate as error:
        raise Conflict(str(error)) from error
    return Response(run_json(_run(run_id, Kind.CANDLE)), status=202)


@extend_schema(
    methods=["GET"],
    operation_id="runs",
    summary="Runs of every kind, newest first",
    tags=["runs and models"],
    parameters=_FILTERS,
    responses={200: AnyRuns, 400: _REFUSED},
    filters=False,
)
@extend_schema(
    methods=["POST"],
    operation_id="run_universe",
    summary="Train a universe, or walk it forward",
    description="With `walk_forward` it keeps no model: each fold is trained on its past and judged on the days that "
    "follow, as a run of its own on the workers; the answer names the run that they are pooled in.",
    tags=["runs and models"],
    parameters=[_KEY],
    request=UniverseRequest,
    responses={202: UniverseAccepted, 400: _REFUSED, 409: _REFUSED, 429: _REFUSED},
)
@api_view(["GET", "POST"])
@permission_classes([api_permission(Scope.READ, write=Scope.TRAIN)])
def runs(request: Request) -> Response:
    if request.method == "GET":
        return _run_list(request, TrainingRun.objects.trainings())
    known_only(request)
    try:
        spec = parse_universe_request(request.data)
        run = services.universe_run_create(user=_user(request), spec=spec, idempotency_key=_idempotency_key(request))
    except SpecError as error:
        raise invalid(error.errors) from error
    except TooManyRuns as error:
        raise Throttled(error.retry_after, str(error)) from error
    except KeyReused as error:
        raise Conflict(str(error)) from error
    what = "Walk-forward" if run.kind == Kind.WALK else "Training"
    message = f"{what} started for the universe {spec.universe}"
    return Response({"started": True, "run_id": run.run_id, "message": message}, status=202)


@extend_schema(
    methods=["GET"],
    operation_id="run",
    summary="One run of any kind",
    tags=["runs and models"],
    responses={200: AnyRun, 404: _REFUSED},
)
@extend_schema(
    methods=["PATCH"],
    operation_id="run_describe",
    summary="Name a run of any kind, note, tag or pin it",
    tags=["runs and models"],
    request=serializers.RunWords,
    responses={200: AnyRun, 400: _REFUSED, 403: _REFUSED, 404: _REFUSED, 409: _REFUSED},
)
@api_view(["GET", "PATCH"])
@permission_classes([api_permission(Scope.READ, write=Scope.TRAIN)])
def run(request: Request, run_id: str) -> Response:
    known_only(request)
    if request.method == "PATCH":
        return _describe(request, run_id, *(kind for kind in Kind if kind not in JOBS))
    leases.release_lost()
    return Response(run_json(_run(run_id)))


def _describe(request: Request, run_id: str, *kinds: Kind) -> Response:
    run = _changeable(request, run_id, "describe", *kinds)
    try:
        run_describe(run=run, user=_user(request), changes=parse_words(request.data))
    except SpecError as error:
        raise invalid(error.errors) from error
    except TooLate as error:
        raise Conflict(str(error)) from error
    return Response(run_json(_run(run_id, *kinds)))


def _run_list(request: Request, rows: TrainingRunQuerySet) -> Response:
    known_only(request, *RunFilter.base_filters, "mine", "limit", "before")
    chosen = RunFilter(request.query_params, queryset=_mine(request, rows.existing().light()), request=request)
    if not chosen.is_valid():
        raise invalid({name: [str(message) for message in errors] for name, errors in chosen.errors.items()})
    leases.release_lost()
    return list_answer(request, chosen.qs, runs_json)


def _mine(request: Request, rows: TrainingRunQuerySet) -> TrainingRunQuerySet:
    wanted = request.query_params.get("mine", "0")
    if wanted not in ("0", "1"):
        raise invalid({"mine": ["Must be 1 (your own runs) or 0 (everybody's)."]})
    return rows.filter(created_by=_user(request)) if wanted == "1" else rows


def _readable() -> TrainingRunQuerySet:
    return TrainingRun.objects.existing().light()


def _run(run_id: str, *kinds: Kind) -> TrainingRun:
    rows = _readable().exclude(kind=Kind.FOLD)  # a part of its walk, which shows it
    found = rows.filter(run_id=run_id, kind__in=kinds or Kind.values).first()
    if found is None:
        raise NotFound(f"There is no run {run_id}; it may have been deleted.")
    return found


def _changeable(request: Request, run_id: str, verb: str, *kinds: Kind) -> TrainingRun:
    """The run, if this member may change it: one's own, or anyone's for managers."""
    found = _run(run_id, *kinds)
    if not may_change_run_of(_user(request), found.created_by_id):
        owner = found.created_by.get_username() if found.created_by else "somebody else"
        raise PermissionDenied(
            f"Run {run_id} is {owner}'s. You can {verb} your own runs; managers can {verb} anyone's."
        )
    return found


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if key and not (len(key) <= 200 and key.isascii() and key.isprintable()):
        raise invalid({"detail": ["Idempotency-Key must be up to 200 printable ASCII characters."]})
    return key


def _user(request: Request) -> User:
    """The person behind a request that passed its permission."""
    assert isinstance(request.user, User)
    return request.user
