"""A study whose worker is killed between two trials goes on from those that it has, to the same end."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.faults.crew import CATCH_S, Crew, children, crew, group, status_of, until, until_ended
from tests.market import make_series
from tests.training.recipes.test_study import queued, without_run, without_seconds
from training.models import StudyTrial, TrainingRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]


@pytest.fixture
def workers() -> Iterator[Crew]:
    with crew() as made:
        yield made


def _trials(study: TrainingRun) -> list[int]:
    return list(StudyTrial.objects.filter(study=study).values_list("pk", flat=True))


def test_it_survives_a_worker_killed_between_two_trials(workers: Crew) -> None:
    make_series(bars=700)
    study = queued(trials=30, then_train=False)
    until(lambda: _trials(study), poll_s=CATCH_S, what="a trial")
    victim = status_of(study, "worker_pid")
    assert isinstance(victim, int)
    child = children(victim)[0]
    os.kill(victim, signal.SIGKILL)
    until(lambda: child not in group(workers.pgid), what="the child gone with its worker")
    early = _trials(study)
    assert until_ended(study) == ["completed"]
    whole = queued(trials=30, then_train=False)
    assert until_ended(whole) == ["completed"]
    for run in (study, whole):
        run.refresh_from_db()
    assert study.attempt == 2 and 0 < len(early) < len(_trials(study)) and _trials(study)[: len(early)] == early
    assert without_seconds(study) == without_seconds(whole) and without_run(study) == without_run(whole)
