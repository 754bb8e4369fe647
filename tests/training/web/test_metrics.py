"""`/metrics`: for a token with `read`, in a format that Prometheus reads, and what is in the database."""

import os
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from boursomatic.accounts.roles import Scope
from tests.market import make_series
from tests.people import ApiOf
from tests.training.run_builders import make_model, make_run
from training.models import RunEvent, Status
from training.worker import heartbeat

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def samples(text: str) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of their names…) -> value."""
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_it_says_what_is_there(alice: User, api: ApiOf) -> None:
    series = make_series(bars=5)
    for status in (Status.QUEUED, Status.QUEUED, Status.RUNNING):
        make_run(alice, series=series, status=status)
    make_model(make_run(alice, series=series, status=Status.COMPLETED))
    heartbeat.beat([os.getpid()])
    answer = api(alice).get("/metrics")
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/plain; version=0.0.4")
    values = samples(answer.text)
    assert values["boursomatic_runs", "candle", "queued"] == 2
    assert values["boursomatic_runs", "candle", "completed"] == 1
    assert [values[f"boursomatic_{name}",] for name in ("models", "workers", "workers_busy")] == [1, 1, 0]
    assert values["boursomatic_queue_age_seconds",] >= 0
    for name in ("database", "disk_free", "disk"):
        assert values[f"boursomatic_{name}_bytes",] > 0, name


def test_it_tells_fits_and_what_runs_took_by_kind(alice: User, api: ApiOf) -> None:
    series = make_series(bars=5)
    begun = timezone.now()
    times = {"started_at": begun, "finished_at": begun + timedelta(seconds=4)}
    for stages in (("load", "fit", "refit", "write"), ("load", "fit", "load", "fit")):
        run = make_run(alice, series=series, status=Status.COMPLETED, **times)
        RunEvent.objects.bulk_create(RunEvent(run=run, at=begun, stage=stage, text="") for stage in stages)
    run = make_run(alice, kind="universe", status=Status.RUNNING)
    RunEvent.objects.create(run=run, at=begun, stage="fit", text="")
    values = samples(api(alice).get("/metrics").text)
    assert values["boursomatic_fits_total", "candle"] == 4
    assert values["boursomatic_fits_total", "universe"] == 1
    assert values["boursomatic_run_seconds_count", "candle"] == 2
    assert values["boursomatic_run_seconds_sum", "candle"] == 8
    assert ("boursomatic_run_seconds_sum", "universe") not in values


def test_it_counts_requests(alice: User, api: ApiOf) -> None:
    program = api(alice)
    before = samples(program.get("/metrics").text).get(("boursomatic_requests_total", "GET", "404"), 0)
    for _ in range(3):
        program.get("/nowhere")
    values = samples(program.get("/metrics").text)
    assert values["boursomatic_requests_total", "GET", "404"] == before + 3
    assert values["boursomatic_request_seconds_count",] >= 4


def test_it_is_for_a_token_that_may_read(alice: User, stranger: User, api: ApiOf, client: Client) -> None:
    assert client.get("/metrics").status_code == 401
    assert api(stranger).get("/metrics").status_code == 403
    refused = api(alice, [Scope.TRAIN]).get("/metrics", headers={"Accept": "text/plain"})
    assert refused.status_code == 403 and refused.text.startswith("This token lacks the scope read")
    accepted = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"
    assert api(alice).get("/metrics", headers={"Accept": accepted}).status_code == 200
