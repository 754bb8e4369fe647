"""Instruments and series that an import is the first to name."""

import threading
from collections.abc import Sequence

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from instruments.imports.services import series_make
from instruments.models import Instrument, Series
from instruments.store.write_bars import import_transaction

NAMES = [f"S{number:03}" for number in range(60)]


@pytest.mark.django_db
@pytest.mark.db_both
def test_what_is_there_stays_and_what_is_missing_is_made() -> None:
    hours, days = Instrument.objects.create(symbol="HOURS"), Instrument.objects.create(symbol="DAYS")
    Series.objects.create(instrument=hours, timeframe="1h")
    stored = Series.objects.create(instrument=days, timeframe="1d")
    made = series_make(["NEW", "DAYS", "HOURS"], "1d")
    assert [series.instrument.symbol for series in made] == ["NEW", "DAYS", "HOURS"]
    assert made[1] == stored and made[2].instrument == hours
    assert series_make(["NEW", "DAYS", "HOURS"], "1d") == made
    assert Series.objects.count() == 4 and Instrument.objects.count() == 3


@pytest.mark.django_db
@pytest.mark.db_both
def test_many_take_as_many_statements_as_few() -> None:
    counts = []
    for names in (["A", "B"], NAMES):
        with CaptureQueriesContext(connection) as queries:
            series_make(names, "1d")
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.db_both
def test_two_imports_of_the_same_new_names_make_each_once() -> None:
    start, made = threading.Barrier(2), list[list[int]]()

    def work(names: Sequence[str]) -> None:
        start.wait()
        try:
            with import_transaction():
                by_name = dict(zip(names, series_make(names, "1d"), strict=True))
            made.append([by_name[name].pk for name in NAMES])
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[names]) for names in (NAMES, NAMES[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 2 and made[0] == made[1]
    assert Series.objects.count() == Instrument.objects.count() == len(NAMES)
