"""The counts of the bench of faults: nothing where all is well, and each fault where it is made."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from scripts.benchmarks.fault_counts import ends_of
from scripts.benchmarks.faults import ZEROS
from tests.training.recipes.test_universe_confirmation import carry_all
from tests.training.universe import carried_universe, make_universe
from training.artifacts import marker
from training.artifacts.storage import artifact_storage
from training.models import ModelVersion, RunEvent, Status, TrainingRun, Trial

pytestmark = [pytest.mark.django_db]
COUNTED = [name for name in ZEROS if name not in ("orphans", "late")]  # those are told by processes


def counts() -> dict[str, int]:
    ends = ends_of(list(TrainingRun.objects.values_list("pk", flat=True)), unrecovered=0)
    assert ends["of_universes"] == 2
    return {name: ends[name] for name in COUNTED if ends[name]}


@contextmanager
def undone() -> Iterator[None]:
    """What is written within is gone afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def without_a_fold() -> None:
    TrainingRun.objects.filter(kind="fold").latest("pk").delete()


def without_its_walk() -> None:
    TrainingRun.objects.filter(kind="walk_confirmation").update(subject=None)


def failed_for_no_good_reason() -> None:
    TrainingRun.objects.filter(kind="fold").update(status=Status.FAILED, error_reason="bug")


def completed_twice() -> None:
    event = RunEvent.objects.filter(stage=Status.COMPLETED).latest("pk")
    event.pk = None
    event.save()


def number_given_twice() -> None:
    trial = Trial.objects.get()
    trial.pk, trial.data_hash = None, "another"
    trial.save()


def queued_again() -> None:
    TrainingRun.objects.filter(kind="walk_confirmation").update(status=Status.QUEUED, finished_at=None)


def without_a_file() -> None:
    version = ModelVersion.objects.get()
    artifact_storage().delete(f"{version.folder}/{next(iter(version.files))}")


FAULTS: dict[Callable[[], None], dict[str, int]] = {
    without_a_fold: {"lost": 1},
    without_its_walk: {"lost": 1},
    failed_for_no_good_reason: {"lost": 4},
    completed_twice: {"doubled": 1},
    number_given_twice: {"doubled": 1},
    queued_again: {"stuck": 1},
    without_a_file: {"torn": 1},
}


@pytest.mark.slow
def test_it_counts_what_is_wrong(settings: Any, tmp_path: Path) -> None:
    own = {**settings.STORAGES["artifacts"], "OPTIONS": {"location": tmp_path}}  # without what other tests left
    settings.STORAGES = {**settings.STORAGES, "artifacts": own}
    marker.renew()
    make_universe()
    carried_universe(recipe="honest")
    assert counts() == {"stuck": 5}  # its walk of four folds
    carry_all()
    assert counts() == {}
    for fault, expected in FAULTS.items():
        with undone():
            fault()
            assert counts() == expected, fault.__name__
