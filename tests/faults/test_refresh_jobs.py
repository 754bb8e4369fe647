"""Refreshes in real workers: killed in the middle, and by the clock from a vendor's new bars to scored advice."""

import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from instruments.models import Instrument, Series, Source
from instruments.quant.calendars import OWN
from predictions.models import Recommendation, RecommendationSet, Schedule
from predictions.recommendations.make import recommendations_make
from predictions.schedules import services as schedules
from tests.faults.crew import CATCH_S, children, crew, started, status_of, until, until_ended
from tests.instruments.imports.replayed import DAYS, WATCHED, Replayed, add_instruments, add_source, stored_closes
from tests.instruments.sources.vendor import Asked, Vendor
from tests.instruments.store.test_write_processes import assert_figures_true
from tests.predictions.advised import advised, day_of
from tests.predictions.schedules.test_refresh_schedules import Market
from tests.training.universe import SYMBOLS
from training.models import Status, TrainingRun
from training.recipes.refresh.spec import RefreshSpec
from training.runs.refreshes import refresh_start

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]


@pytest.fixture
def source(carol: User, shop: Vendor, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Source:
    """Which workers may call, too."""
    monkeypatch.setenv("BOURSOMATIC_SOURCE_HOSTS", f"127.0.0.1:{shop.port}")
    monkeypatch.setenv("BOURSOMATIC_WORKERS", "1")
    monkeypatch.setenv("BOURSOMATIC_HEARTBEAT_S", "30")  # what a busy machine does to beats of 5 s is another matter
    settings.WORKERS = 1
    return add_source(carol, shop, settings)


def held(gate: threading.Event) -> Callable[[Asked], None]:
    """An answer that comes when the gate opens."""

    def wait(asked: Asked) -> None:
        gate.wait(600)

    return wait


def test_a_refresh_that_is_killed_keeps_what_it_stored(carol: User, source: Source, shop: Vendor) -> None:
    symbols, gate = [f"S{n:02}" for n in range(30)], threading.Event()
    replayed = Replayed(shop, symbols)
    replayed.fails = dict.fromkeys(symbols[10:], held(gate))
    add_instruments(symbols)
    with crew(started):
        run, _ = refresh_start(spec=RefreshSpec("files", WATCHED), user=carol)
        until(lambda: Series.objects.filter(rows__gt=0).count() >= 5, poll_s=CATCH_S)
        worker = status_of(run, "worker_pid")
        assert isinstance(worker, int)
        os.kill(children(worker)[0], signal.SIGKILL)
        for series in Series.objects.all():
            assert_figures_true(series)
            assert series.rows in (0, DAYS)  # it may have just been made
        gate.set()
        until_ended(run)
        again, is_new = refresh_start(spec=RefreshSpec("files", WATCHED), user=carol)
        assert is_new and until_ended(again) == [Status.COMPLETED]
    assert all(stored_closes(symbol) == replayed.closes(symbol) for symbol in symbols)
    assert Series.objects.filter(rows=DAYS).count() == len(symbols)


def test_by_the_clock_from_new_bars_to_scored_advice(carol: User, source: Source, shop: Vendor) -> None:
    earlier, _ = recommendations_make(model=advised(), as_of=None)
    Instrument.objects.update(calendar=OWN)  # filling those of exchanges takes its time, and is tested elsewhere
    Market(shop)
    schedule = schedules.refresh_schedule_create(source="files", universe="few", features=False, user=carol)
    Schedule.objects.filter(pk=schedule.pk).update(next_run_at=timezone.now() + timedelta(seconds=1))
    with crew(started):
        until(lambda: TrainingRun.objects.filter(kind="score", status=Status.COMPLETED).exists(), what="a score")
    made = TrainingRun.objects.filter(kind__in=["refresh", "recommend", "score"]).order_by("pk")
    assert [(run.kind, run.status) for run in made] == [
        (kind, Status.COMPLETED) for kind in ("refresh", "recommend", "score")
    ]
    assert RecommendationSet.objects.latest("pk").as_of == day_of(429)
    assert Recommendation.objects.filter(set=earlier, scored_at__isnull=False).count() == len(SYMBOLS)
