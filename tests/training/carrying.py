"""Carrying a run in the test's own process: the same code as in a worker's child."""

import os
from typing import Any

from training.models import TrainingRun
from training.quant.candle.request import parse_candle_spec
from training.queue import leases
from training.runs.services import run_create
from training.worker.execute import execute


def carried(body: dict[str, Any], *, user: Any = None) -> TrainingRun:
    """Asked for, claimed and carried to its end."""
    return carry(run_create(user=user, spec=parse_candle_spec(body)))


def carry(run: TrainingRun) -> TrainingRun:
    """A queued run, claimed and carried to its end."""
    token = leases.claim(run.pk, host="test", pid=os.getpid())
    assert token is not None
    execute(run_pk=run.pk, token=token)
    return TrainingRun.objects.select_related("series__instrument", "created_by", "model_version").get(pk=run.pk)
