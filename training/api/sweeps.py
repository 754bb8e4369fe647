"""Sweeps over REST: thin over services and the kind's own folder."""

from functools import partial

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import answers
from boursomatic.shared.rest import known_only
from instruments.store.read_bars import default_symbol
from training.api.runs import KEY, find_run, run_started
from training.artifacts.storage import folder_of
from training.queue import leases
from training.recipes.candle.schema import CandleAccepted
from training.recipes.sweep.as_json import sweep_json
from training.recipes.sweep.data import sweep_spec
from training.recipes.sweep.promote import promoted_spec
from training.recipes.sweep.recipe import RECIPE as SWEEP
from training.recipes.sweep.schema import PromoteRequest, Sweep, SweepAccepted, SweepRequest


@extend_schema(
    operation_id="sweep_start",
    summary="Sweep candles and settings",
    description="Candles × training periods × one further setting, up to 2,000 cells: each is trained and tested as a "
    "candle run would be. One row of cells is a batch. It is one trial, whatever the number of its cells.",
    tags=["search"],
    parameters=[KEY],
    request=SweepRequest,
    responses=answers(202, SweepAccepted, 409, 413, 415, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def sweeps(request: Request) -> Response:
    known_only(request)
    spec, run = run_started(request, partial(sweep_spec, default_symbol=default_symbol()))
    answer = {"started": True, "sweep_id": run.run_id, "cells": spec.cells, "estimate_s": round(spec.seconds, 1)}
    return Response(answer, status=202)


@extend_schema(
    operation_id="sweep",
    summary="One sweep with its cells and claim",
    tags=["search"],
    responses=answers(200, Sweep, 404),
)
@api_view(["GET"])
@permission_classes([api_permission(Scope.READ)])
def sweep(request: Request, sweep_id: str) -> Response:
    known_only(request)
    leases.reclaim_expired()
    return Response(sweep_json(find_run(sweep_id, SWEEP.kind)))


@extend_schema(
    operation_id="sweep_promote",
    summary="Make a cell of a sweep a run",
    description="A candle run with the cell's settings. The sweep has seen its test window: it is judged on what comes "
    "after the sweep's last outcome. 400 for a cell that failed.",
    tags=["search"],
    parameters=[KEY],
    request=PromoteRequest,
    responses=answers(202, CandleAccepted, 404, 409, 413, 415, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def promote(request: Request, sweep_id: str) -> Response:
    known_only(request)
    spec, run = run_started(request, partial(promoted_spec, find_run(sweep_id, SWEEP.kind)))
    answer = {
        "started": True,
        "run_id": run.run_id,
        "pid": run.worker_pid,
        "message": f"POC training started for candle {spec.candle}",
        "output_dir": folder_of(run),
    }
    return Response(answer, status=202)
