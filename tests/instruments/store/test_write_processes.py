"""Whoever is killed while bars are written leaves a series whose own figures are true at once."""

import random
import signal
from multiprocessing import get_context

import numpy as np
import pytest
from django.db import connection
from django.db.models import Count, Max, Min

from instruments.imports.services import bars_write
from instruments.models import PriceBar, Series
from instruments.store.read_bars import load_bars
from tests.faults.crew import CATCH_S, until
from tests.faults.scale import times
from tests.instruments.bars import empty, walk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]


def write(pk: int, bars: int, seed: int) -> None:
    bars_write(series=Series.objects.get(pk=pk), bars=walk(bars, seed=seed), source="test")


def assert_figures_true(series: Series) -> None:
    series.refresh_from_db()
    stored = PriceBar.objects.filter(series=series)
    coverage = stored.aggregate(rows=Count("pk"), first=Min("timestamp"), last=Max("timestamp"))
    assert {name: getattr(series, name) for name in coverage} == coverage


def test_figures_are_true_after_a_kill() -> None:
    rng = random.Random(5)
    for number in range(times(3, 30)):
        series = empty(f"S{number}")
        kill_while_writing(series, bars=40_000, rng=rng)
        assert_figures_true(series)
    write(series.pk, 40_000, 9)
    assert_figures_true(series)
    assert np.array_equal(load_bars(series).close, walk(40_000, seed=9).close)


def kill_while_writing(series: Series, *, bars: int, rng: random.Random) -> None:
    connection.close()  # a forked process must not speak over this one's
    process = get_context("fork").Process(target=write, args=(series.pk, bars, 1))
    process.start()
    stored = PriceBar.objects.filter(series=series)
    if connection.vendor == "sqlite":  # in the middle of its slices
        rows = rng.randrange(1, bars - 10_000)
        until(lambda: not process.is_alive() or stored.count() >= rows, poll_s=CATCH_S)
    else:  # nobody sees how far it is
        process.join(rng.uniform(0.1, 1.0))
    process.kill()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
