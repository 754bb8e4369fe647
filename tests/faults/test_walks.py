"""A walk whose worker is killed in the middle of a fold ends as if nothing had been."""

import json
import os
import signal
from collections.abc import Iterator

import pytest

from tests.faults.crew import Crew, crew, group, status_of, until, until_ended
from tests.training.recipes.test_walk_forward import ask, folds_of, result_of, told
from tests.training.universe import make_universe
from training.models import Status, TrainingRun
from training.runs.as_json import run_json

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]


@pytest.fixture
def workers() -> Iterator[Crew]:
    with crew() as made:
        yield made


def _folds(walk: TrainingRun, **having: object) -> int:
    return TrainingRun.objects.filter(parent=walk, **having).count()


def test_it_survives_a_worker_killed_in_a_fold(workers: Crew) -> None:
    make_universe()
    walk = ask()
    first = folds_of(walk)[0]
    child = workers.child_of(first)
    assert status_of(walk) == Status.QUEUED and status_of(walk, "worker_pid") is None
    victim = status_of(first, "worker_pid")
    assert isinstance(victim, int)
    os.kill(victim, signal.SIGKILL)
    until(lambda: child not in group(workers.pgid), what="the child gone with its worker")
    assert until_ended(walk) == ["completed"]
    walk.refresh_from_db()
    shown = json.loads(json.dumps(run_json(walk)))
    assert result_of(shown) == result_of(told())
    assert _folds(walk, status=Status.COMPLETED) == 3 and _folds(walk, attempt__gt=1) >= 1
