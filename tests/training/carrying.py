"""Carrying a run in the test's own process: the same code as in a worker's child."""

import os
from typing import Any

from training import leases
from training.execution import run_execute
from training.models import TrainingRun
from training.quant.spec import parse_candle_spec
from training.services import candle_run_start


def carried(body: dict[str, Any], *, user: Any = None) -> TrainingRun:
    """Asked for, claimed and carried to its end."""
    run = candle_run_start(user=user, spec=parse_candle_spec(body))
    token = leases.claim(run.pk, host="test", pid=os.getpid())
    assert token is not None
    run_execute(run_pk=run.pk, token=token)
    return TrainingRun.objects.select_related("series__instrument", "created_by", "model_version").get(pk=run.pk)
