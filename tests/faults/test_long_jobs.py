"""A worker that is busy with a scheduled job is not idle: what waits behind it is no sign of a stuck queue."""

import os
import time
from datetime import time as time_of_day
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import User
from django.utils import timezone

from predictions.models import Schedule
from predictions.schedules import services as schedules
from tests.faults.crew import WAIT_S, Crew, crew, started, until, until_ended
from tests.market import candle, make_series
from tests.predictions.advised import advised
from training.models import Status, TrainingRun
from training.quant.candle.spec import CandleSpec
from training.runs import services
from training.worker.supervisor import CANARY_S

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]


@pytest.fixture
def held_model() -> tuple[Path, bytes]:
    """The active model of a universe, one of whose files can be opened only when a test writes it: a FIFO."""
    model = advised()
    file = Path(site.ARTIFACT_ROOT) / model.folder / "classifier.txt"
    content = file.read_bytes()
    file.unlink()
    os.mkfifo(file)
    return file, content


def pids(workers: Crew) -> dict[str, int]:
    return workers.parts() | {"main": workers.main}


def test_it_leaves_a_worker_alone_that_is_busy_with_a_scheduled_job(
    held_model: tuple[Path, bytes], carol: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, content = held_model
    series = make_series("SPY", bars=600)
    monkeypatch.setenv("BOURSOMATIC_WORKERS", "1")
    monkeypatch.setenv("BOURSOMATIC_HEARTBEAT_S", "30")  # what a busy machine does to beats of 2 s is another matter
    settings.WORKERS = 1
    tomorrow = timezone.now() + timedelta(days=1)  # both are told to run now
    recommend, score = (
        Schedule.objects.create(job=job, universe="few", time_of_day=time_of_day(22, 30), next_run_at=tomorrow)
        for job in ("recommend", "score")
    )
    with crew(started) as workers:  # which reads the settings anew
        schedules.schedule_run_now(schedule=recommend, user=carol)
        with file.open("wb") as writing:  # returns when the job has opened it to read
            file.unlink()
            file.write_bytes(content)  # for whoever opens it later
            before = pids(workers)
            schedules.schedule_run_now(schedule=score, user=carol)
            since = time.monotonic()
            click = services.run_create(
                user=None, spec=CandleSpec(candle=candle(500), symbol=series.instrument.symbol, train_years=1.0)
            )
            assert until_ended(click) == ["completed"]
            until(lambda: time.monotonic() - since > CANARY_S + 5 or pids(workers) != before, CANARY_S + WAIT_S)
            assert pids(workers) == before
            recommend_run, score_run = (
                TrainingRun.objects.get(run_id=Schedule.objects.get(pk=one.pk).run_id) for one in (recommend, score)
            )
            assert (recommend_run.status, score_run.status) == (Status.RUNNING, Status.QUEUED)
            writing.write(content)
        assert until_ended(recommend_run, score_run) == ["completed", "completed"]
    recommend_run.refresh_from_db()
    assert recommend_run.attempt == 1
