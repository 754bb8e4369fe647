"""Candle runs over REST: thin over services and presenting."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import answers
from boursomatic.shared.rest import known_only
from instruments.store.read_bars import default_symbol
from training.api import schema
from training.api.runs import (
    FILTERS,
    KEY,
    MINE,
    cancelled,
    changeable,
    deleted,
    described,
    find_run,
    only_mine,
    readable,
    run_list,
    run_started,
)
from training.artifacts.storage import folder_of
from training.models import TrainingRun
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import CandleSpec
from training.queue import leases
from training.recipes.candle.recipe import RECIPE as CANDLE
from training.recipes.candle.schema import CandleAccepted, CandleRequest, CandleRun
from training.runs.as_json import run_json


@extend_schema(
    operation_id="run_poc",
    summary="Train at a candle",
    tags=["candle runs"],
    parameters=[KEY],
    request=CandleRequest,
    responses=answers(202, CandleAccepted, 409, 413, 415, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def run_poc(request: Request) -> Response:
    known_only(request)
    spec, run = run_started(request, _spec)
    return accepted(run, f"POC training started for candle {spec.candle}")


def _spec(body: Any) -> CandleSpec:
    """Raises SpecError. Which instrument a body that names none is about takes two queries."""
    names_one = isinstance(body, Mapping) and "symbol" in body
    return parse_candle_spec(body, default_symbol="" if names_one else default_symbol())


def accepted(run: TrainingRun, message: str) -> Response:
    """202 with a CandleAccepted."""
    answer = {
        "started": True,
        "run_id": run.run_id,
        "pid": run.worker_pid,
        "message": message,
        "output_dir": folder_of(run),
    }
    return Response(answer, status=202)


@extend_schema(
    operation_id="poc_runs",
    summary="Candle runs, newest first",
    tags=["candle runs"],
    parameters=FILTERS,
    responses=answers(200, schema.CandleRuns),
    filters=False,
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def poc_runs(request: Request) -> Response:
    return run_list(request, TrainingRun.objects.filter(kind=CANDLE.kind))


@extend_schema(
    operation_id="latest_poc_run",
    summary="The newest candle run",
    tags=["candle runs"],
    parameters=[MINE],
    responses=answers(200, CandleRun, 404),
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def latest_poc_run(request: Request) -> Response:
    known_only(request, "mine")
    leases.reclaim_expired()
    run = only_mine(request, readable().filter(kind=CANDLE.kind)).newest_first().first()
    if run is None:
        raise NotFound("There is no candle run yet. POST /api/training/run-poc starts one.")
    return Response(run_json(run))


@extend_schema(
    methods=["GET"],
    operation_id="poc_run",
    summary="One candle run",
    tags=["candle runs"],
    responses=answers(200, CandleRun, 404),
)
@extend_schema(
    methods=["DELETE"],
    operation_id="poc_run_delete",
    summary="Delete a candle run",
    tags=["candle runs"],
    description="Gone from every list at once. 409 while it is queued or running, or while its model is active.",
    responses=answers(204, None, 404, 409),
)
@extend_schema(
    methods=["PATCH"],
    operation_id="poc_run_describe",
    summary="Name a candle run, note, tag or pin it",
    tags=["candle runs"],
    request=schema.RunAnnotations,
    responses=answers(200, CandleRun, 404, 409, 413, 415),
)
@api_view(["GET", "PATCH", "DELETE"])
@permission_classes([api_permission(Scope.READ, write=Scope.TRAIN)])
def poc_run(request: Request, run_id: str) -> Response:
    known_only(request)
    if request.method == "GET":
        leases.reclaim_expired()
        return Response(run_json(find_run(run_id, CANDLE.kind)))
    if request.method == "PATCH":
        return described(request, run_id, CANDLE.kind)
    return deleted(request, changeable(request, run_id, "delete", CANDLE.kind))


@extend_schema(
    operation_id="poc_run_cancel",
    summary="Cancel a candle run",
    tags=["candle runs"],
    description="Accepted means that it ends `cancelled`, without model and files. 409 when it has ended.",
    request=None,
    responses=answers(202, CandleRun, 404, 409),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def poc_run_cancel(request: Request, run_id: str) -> Response:
    known_only(request)
    return cancelled(request, changeable(request, run_id, "cancel", CANDLE.kind))
