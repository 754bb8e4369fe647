"""`verify_run` of universe runs as a person starts it, on one core and on two, with the cache and without."""

import json
import subprocess
import sys

import pytest
from django.db import connection

from boursomatic.env import ROOT
from tests.faults.crew import environment
from tests.training.universe import carried_universe, make_universe
from training.models import TrainingRun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]


def verified(run: TrainingRun, **more: str) -> str:
    """What the command prints, exit code 0."""
    command = [sys.executable, "manage.py", "verify_run", run.run_id, "--json"]
    done = subprocess.run(command, check=False, cwd=ROOT, env=environment() | more, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "options", [{"recipe": "honest"}, {"recipe": "honest", "score": "trees"}, {"recipe": "phase22"}]
)
def test_it_is_bit_identical_on_any_number_of_cores_with_the_cache_and_without(options: dict[str, str]) -> None:
    make_universe()
    run = carried_universe(confirm=False, **options)
    connection.close()  # nothing of this process holds the database
    answers = [
        verified(run, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads, BOURSOMATIC_COLUMNS_GB=cache)
        for threads, cache in (("1", "1"), ("2", "0"), ("2", "1"))
    ]
    assert len(set(answers)) == 1
    told = json.loads(answers[0])
    assert told["identical"] and told["truncation_identical"] and told["differs"] == []
    assert told["model_hash"] == run.result["model_hash"]
