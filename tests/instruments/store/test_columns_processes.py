"""Processes that fill the cache at the same time, or are killed at it: whoever loads gets the database's numbers."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from instruments.models import Series
from instruments.store.columns import featured_candles
from tests.faults.crew import CATCH_S, until
from tests.faults.scale import times
from tests.instruments.store.test_columns import assert_right, several
from tests.training.quant.noise import noise_bars
from tests.training.universe import change_after

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.db_both, pytest.mark.processes]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.COLUMNS_ROOT = tmp_path / "columns"
    settings.COLUMNS_ROOT.mkdir()
    return Path(settings.COLUMNS_ROOT)


def load_and_remove(folder: Path, pks: Sequence[int]) -> None:
    """Each time from the database, so that packs are written without end."""
    series = list(Series.objects.filter(pk__in=pks).order_by("pk"))
    while True:
        featured_candles(series)
        for path in folder.glob("*.npy"):
            path.unlink(missing_ok=True)


@contextmanager
def loading(folder: Path, series: Sequence[Series], processes: int) -> Iterator[list[BaseProcess]]:
    connection.close()  # a forked process must not speak over this one's
    pks = [one.pk for one in series]
    started = [get_context("fork").Process(target=load_and_remove, args=(folder, pks)) for _ in range(processes)]
    for process in started:
        process.start()
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.join()


def packs_on_their_way(folder: Path) -> set[Path]:
    return set(folder.glob(".*"))


def test_whoever_is_killed_while_writing_leaves_no_wrong_number(folder: Path) -> None:
    series = several()
    for _ in range(times(4, 50)):
        before = packs_on_their_way(folder)
        with loading(folder, series, 1) as (process,):
            until(lambda before=before: packs_on_their_way(folder) - before, poll_s=CATCH_S)
            process.kill()
            process.join()
            assert process.exitcode == -signal.SIGKILL
        assert_right(series, featured_candles(series))


def test_of_many_that_load_at_once_each_gets_the_bars_of_its_moment(folder: Path) -> None:
    """Two others write packs and remove them, while bars are rewritten here."""
    series = several()
    with loading(folder, series, 2) as others:
        for number in range(times(6, 50)):
            change_after(series[1], noise_bars(300, seed=number), 150)
            assert_right(series, featured_candles(series))
            assert_right(series, featured_candles(series))
        assert all(process.is_alive() for process in others)
