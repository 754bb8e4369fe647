"""`/healthz` and `/readyz`: open to everyone, and true."""

import logging
import os

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from training.queue import hosts
from training.web import health
from training.worker import heartbeat

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def test_it_answers_as_soon_as_it_serves(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}


def test_it_answers_whatever_name_the_host_is_asked_by(client: Client) -> None:
    for host in ("10.0.0.7:8000", "evil.example"):
        assert client.get("/healthz", headers={"Host": host}).json() == {"status": "ok"}
        assert client.get("/readyz", headers={"Host": host}).status_code == 400


def test_every_answer_says_what_of_the_browser_no_page_needs(client: Client) -> None:
    for path in ("/healthz", "/login/", "/nowhere", "/api/models"):
        answer = client.get(path)
        assert "camera=(), " in answer["Permissions-Policy"] and "'self'" in answer["Content-Security-Policy"], path


def test_it_is_not_ready_without_a_worker_which_is_no_error_of_ours(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "django.request"):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert list(answer.json()["missing"]) == ["worker"]
    said = [(one.levelname, one.getMessage()) for one in caplog.records if one.name == "django.request"]
    assert said == [("WARNING", "Not ready for lack of: worker")]


def test_it_is_ready_once_a_worker_beats_until_it_leaves(client: Client) -> None:
    heartbeat.beat([os.getpid()])
    assert client.get("/readyz").status_code == 200
    hosts.drained_set(hosts.HOST, drain=True)
    assert client.get("/readyz").status_code == 200, "somebody wants it so"
    heartbeat.leave([os.getpid()])
    assert client.get("/readyz").status_code == 503


def test_it_names_a_migration_that_was_not_run(client: Client) -> None:
    health.check_migrations.cache_clear()
    MigrationRecorder.Migration.objects.filter(app="training").delete()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert list(answer.json()["missing"]) == ["migrations"]
