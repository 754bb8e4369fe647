"""`/healthz` and `/readyz`: open to everyone, and true."""

import os

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from training.web import health
from training.worker import heartbeat

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def test_it_answers_as_soon_as_it_serves(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_it_is_not_ready_without_a_worker(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert list(answer.json()["missing"]) == ["worker"]


def test_it_is_ready_once_a_worker_beats_until_it_leaves(client: Client) -> None:
    heartbeat.beat([os.getpid()])
    assert client.get("/readyz").status_code == 200
    heartbeat.leave([os.getpid()])
    assert client.get("/readyz").status_code == 503


def test_it_names_a_migration_that_was_not_run(client: Client) -> None:
    health.check_migrations.cache_clear()
    MigrationRecorder.Migration.objects.filter(app="training").delete()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert list(answer.json()["missing"]) == ["migrations"]
