"""Whoever activates a model is killed, or loses the database, in the middle of it: the model before stays the active
one, or the new one is, and history, audit and notices say so."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User
from django.db import connection

from boursomatic.accounts.chain import chain_extend, chain_verify
from boursomatic.accounts.models import AuditEntry
from boursomatic.env import ROOT
from boursomatic.notices.models import Notice, NoticeKind
from tests.faults.crew import environment, until
from tests.training.registry.test_activation import universe_model
from training.models import Activation, ModelVersion
from training.registry.activation import model_activate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]
INSIDE = [  # of the transaction, in their order
    pytest.param(1, 'UPDATE "training_modelversion"', id="none is active"),
    pytest.param(2, 'UPDATE "training_modelversion"', id="the new one is active"),
    pytest.param(1, 'INSERT INTO "training_activation"', id="it is in the history"),
    pytest.param(1, 'INSERT INTO "notices_notice"', id="it is noticed"),
    pytest.param(1, 'INSERT INTO "accounts_auditentry"', id="it is in the audit"),
]


@pytest.fixture
def models(carol: User) -> list[ModelVersion]:
    """The active one of a scope, and another one that passes the gate."""
    models = [universe_model(carol), universe_model(carol)]
    model_activate(model=models[0], user=carol, reason="the first")
    return models


@contextmanager
def stopped(model: ModelVersion, count: int, sql: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is about to activate it, stopped behind this statement."""
    command = [sys.executable, "-m", "tests.training.registry.activator", model.version, str(count), sql]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "stopped\n", process.communicate()
        yield process
    finally:
        process.kill()
        process.communicate()


def assert_active(*versions: str) -> None:
    """The last of these is the one active model, and each became it in this order: whatever tells of it agrees."""
    assert [model.version for model in ModelVersion.objects.filter(is_active=True)] == [versions[-1]]
    history = Activation.objects.order_by("pk").values_list("version", "previous")
    assert list(history) == list(zip(versions, ("", *versions), strict=False))
    entries = AuditEntry.objects.filter(action="model.activate").order_by("pk")
    assert list(entries.values_list("subject", flat=True)) == list(versions)
    assert Notice.objects.filter(kind=NoticeKind.ACTIVATION).count() == len(versions)
    chain_extend()  # as the workers' housekeeping does
    assert chain_verify().first_broken is None and not AuditEntry.objects.filter(number=None).exists()


@pytest.mark.parametrize(("count", "sql"), INSIDE)
def test_killed_inside_of_it_nothing_has_changed_and_it_can_be_repeated(
    models: list[ModelVersion], count: int, sql: str
) -> None:
    before, new = models
    with stopped(new, count, sql) as process:
        assert_active(before.version)  # for all others
        process.kill()
        process.wait()
    assert_active(before.version)
    model_activate(model=new, user=None, reason="again", expected=before.version)
    assert_active(before.version, new.version)


def test_killed_behind_it_the_new_one_is_active_and_its_entry_is_chained_later(models: list[ModelVersion]) -> None:
    before, new = models
    with stopped(new, 1, 'UPDATE "accounts_auditentry"') as process:
        process.kill()
        process.wait()
    assert AuditEntry.objects.filter(action="model.activate", number=None).count() == 1
    assert_active(before.version, new.version)
    model_activate(model=before, user=None, reason="back", expected=new.version)
    assert_active(before.version, new.version, before.version)


@pytest.mark.parametrize(("count", "sql"), INSIDE)
def test_cut_off_from_the_database_nothing_has_changed(models: list[ModelVersion], count: int, sql: str) -> None:
    """By the server, as when it is restarted; SQLite has no connection that could be lost."""
    if connection.vendor == "sqlite":
        return
    before, new = models
    with stopped(new, count, sql) as process, connection.cursor() as cursor:
        others = "FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
        cursor.execute(f"SELECT pg_terminate_backend(pid) {others}")
        assert cursor.fetchall() == [(True,)]
        until(lambda: not _count(f"SELECT count(*) {others}"), what="the end of its connection")
        assert process.communicate("go on\n")[1], "it fails aloud"
        assert process.returncode == 1
    assert_active(before.version)
    model_activate(model=new, user=None, reason="again", expected=before.version)
    assert_active(before.version, new.version)


def _count(sql: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        count: int = cursor.fetchone()[0]
        return count
