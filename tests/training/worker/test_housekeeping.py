"""Housekeeping beside the runs: what fails is logged and tried again, and keeps nothing else from being done."""

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from tests.training.run_builders import make_run
from training.artifacts.storage import artifact_storage
from training.models import DeployedRelease, Status, TrainingRun
from training.queue import release
from training.runs.deletion import UNDO
from training.worker import housekeeping
from training.worker.housekeeping import Housekeeper, _round

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
calls: list[str] = []


def divide() -> None:
    calls.append("divide")
    raise ZeroDivisionError


def note() -> None:
    calls.append("note")


def test_it_goes_on_after_what_nobody_foresaw(
    alice: User, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(housekeeping, "CALLS_EVERY_S", 0.0)
    monkeypatch.setattr(housekeeping, "EVERY_S", 0.0)
    caplog.set_level(logging.ERROR)
    calls.clear()
    settings.HOUSEKEEPING = [f"{__name__}.{name}" for name in ("divide", "note", "gone")]
    settings.RETENTION_DAYS = "thirty"  # which no date can be counted back by
    run = make_run(alice, status=Status.FAILED, deleted_at=Now() - UNDO - timedelta(seconds=1))
    housekeeper = Housekeeper()
    housekeeper.work()
    assert calls == ["divide", "note"] and not TrainingRun.objects.filter(pk=run.pk).exists()
    logged = [(record.args[0], record.exc_info[0]) for record in caplog.records if record.args and record.exc_info]
    assert logged == [
        (f"{__name__}.divide", ZeroDivisionError),
        (f"{__name__}.gone", ImportError),
        ("retention", TypeError),
    ]
    settings.RETENTION_DAYS = 30
    old = make_run(alice, status=Status.FAILED, finished_at=Now() - timedelta(days=31))
    housekeeper.work()
    assert calls == ["divide", "note"] * 2
    old.refresh_from_db()
    assert old.deleted_at is not None


def test_it_removes_nothing_beside_another_store_or_release(alice: User) -> None:
    ours, housekeeper = artifact_storage().marker(), Housekeeper()
    run = make_run(alice, status=Status.FAILED, deleted_at=Now() - UNDO - timedelta(seconds=1))
    artifact_storage().write_marker("another database's")
    _round(housekeeper)
    artifact_storage().write_marker(ours)
    DeployedRelease.objects.update_or_create(pk=1, defaults={"release": "later"})
    _round(housekeeper)
    assert TrainingRun.objects.filter(pk=run.pk).exists() and housekeeper.is_due()
    release.write()
    _round(housekeeper)
    assert not TrainingRun.objects.exists() and not housekeeper.is_due()
