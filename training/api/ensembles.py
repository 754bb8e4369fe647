"""Ensembles over REST; their runs are at /api/training/runs."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.request import Request
from rest_framework.response import Response

from boursomatic.accounts.permissions import api_permission
from boursomatic.accounts.roles import Scope
from boursomatic.shared.openapi import answers
from boursomatic.shared.rest import known_only
from training.api.candle_runs import accepted
from training.api.runs import KEY, find_run, run_started
from training.recipes.candle.schema import CandleAccepted
from training.recipes.ensemble.members import parse_ensemble
from training.recipes.ensemble.row import newest_of_text
from training.recipes.ensemble.schema import EnsembleRequest
from training.recipes.sweep.recipe import RECIPE as SWEEP


@extend_schema(
    operation_id="ensemble",
    summary="Make one model of several candle runs, or of a row of a sweep",
    tags=["candle runs"],
    description="Of runs of one series, with the same labels. It is judged by retraining all members at each step of "
    "its walk-forward confirmation, on windows that none of them has been chosen by. With sweep_id the members are the "
    "newest cells, 20 at most, of the row that train_years and params name.",
    parameters=[KEY],
    request=EnsembleRequest,
    responses=answers(202, CandleAccepted, 409, 413, 415, 429),
)
@api_view(["POST"])
@permission_classes([api_permission(Scope.TRAIN)])
def ensembles(request: Request) -> Response:
    known_only(request)
    spec, run = run_started(request, parse_ensemble)
    members = f"{len(spec.members)} runs"
    if spec.sweep_id:
        members = newest_of_text(spec, find_run(spec.sweep_id, SWEEP.kind))
    return accepted(run, f"Ensemble of {members} started for {spec.symbol} {spec.timeframe}")
