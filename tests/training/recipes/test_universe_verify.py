"""A universe run or a walk verified: the same bits again, whatever else is different; and what changed is named."""

import pytest

from tests.training.recipes.test_honest import trained
from tests.training.universe import trained_universe
from training.models import TrainingRun
from training.recipes.universe_verify.execute import universe_verification

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def run_of(recipe: str, **options):
    return trained(**options) if recipe == "honest" else trained_universe(**options)


@pytest.mark.parametrize("recipe", ["honest", "phase22"])
def test_it(recipe: str) -> None:
    run = run_of(recipe)
    told = universe_verification(run, lambda *a: print(*a))
    print(told)
    assert told["identical"] and told["truncation_identical"] and told["differs"] == []
