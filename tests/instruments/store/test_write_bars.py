import threading
from dataclasses import replace

import numpy as np
import pytest
from django.db import connection, transaction

from instruments.imports.services import bars_write, series_write
from instruments.models import PriceBar, Series
from instruments.store.read_bars import load_bars
from instruments.store.write_bars import Written
from tests.instruments.bars import empty, walk

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


def test_it_writes_only_what_changed() -> None:
    series, bars = empty(), walk(6_000)
    assert bars_write(series=series, bars=bars, source="a") == Written(6_000, 0, 0)
    assert bars_write(series=series, bars=bars, source="b") == Written(0, 0, 6_000)
    longer = walk(6_010)  # the same bars and ten more
    volume = longer.volume.copy()
    volume[[3, 5_500]] += 1
    changed = replace(longer, volume=volume)
    assert bars_write(series=series, bars=changed, source="c") == Written(10, 2, 5_998)
    assert np.array_equal(load_bars(series).volume, volume)
    assert PriceBar.objects.filter(source="c").count() == 12


def test_it_keeps_the_figures_of_the_series() -> None:
    series, bars = empty(), walk(100)
    bars_write(series=series, bars=bars.slice(10, 20), source="a")
    assert (series.rows, series.revision, series.rewritten) == (10, 0, 0)
    bars_write(series=series, bars=replace(bars, adj_close=bars.adj_close * 2), source="a")
    series.refresh_from_db()
    assert (series.rows, series.revision, series.rewritten) == (100, 1, 10)
    assert series.first is not None and series.first.timestamp() == bars.time[0]
    assert series.last is not None and series.last.timestamp() == bars.time[-1]


def test_it_leaves_the_series_alone_when_nothing_changed() -> None:
    series, bars = empty(), walk(100)
    bars_write(series=series, bars=bars, source="a")
    before = series.updated_at
    bars_write(series=series, bars=bars, source="a")
    series.refresh_from_db()
    assert series.updated_at == before


def test_it_mends_the_figures_after_an_import_that_was_cut_off() -> None:
    series, bars = empty(), walk(100)
    bars_write(series=series, bars=bars, source="a")
    Series.objects.filter(pk=series.pk).update(rows=0, first=None, last=None)
    series.refresh_from_db()
    bars_write(series=series, bars=bars, source="a")
    assert series.rows == 100


def test_it_writes_several_series_at_once() -> None:
    a, b, c = empty("A"), empty("B"), empty("C")
    bars_write(series=b, bars=walk(5, seed=2), source="x")
    found = series_write(parts=[(a, walk(10)), (b, walk(8, seed=2)), (c, walk(0))], source="x")
    assert found == {a.pk: Written(10, 0, 0), b.pk: Written(3, 0, 5), c.pk: Written()}
    assert series_write(parts=[(a, walk(10))], source="x")[a.pk] == Written(0, 0, 10)


def test_long_and_many_short_histories_change_their_series_once_each() -> None:
    lengths = {"long": 5_003, "longer": 10_100, **{f"S{number}": 3 + number for number in range(70)}}
    parts = [(empty(symbol), walk(length)) for symbol, length in lengths.items()]
    found = series_write(parts=parts, source="x")
    assert list(found.values()) == [Written(length, 0, 0) for length in lengths.values()]
    doubled = [(series, replace(bars, adj_close=bars.adj_close * 2)) for series, bars in parts]
    found = series_write(parts=doubled, source="y")
    assert list(found.values()) == [Written(0, length, 0) for length in lengths.values()]
    for series, bars in doubled:
        series.refresh_from_db()
        assert (series.rows, series.revision, series.rewritten) == (len(bars), 1, len(bars))
        assert np.array_equal(load_bars(series).adj_close, bars.adj_close)


def test_it_takes_part_in_the_callers_transaction() -> None:
    series = empty()
    with pytest.raises(RuntimeError), transaction.atomic():
        bars_write(series=series, bars=walk(10), source="x")
        raise RuntimeError
    assert len(load_bars(series)) == 0


@pytest.mark.django_db(transaction=True)
def test_it_counts_right_when_two_import_the_same_at_once() -> None:
    series, bars = empty(), walk(3_000)
    found: list[Written] = []

    def write() -> None:
        found.append(bars_write(series=Series.objects.get(pk=series.pk), bars=bars, source="x"))
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(w.inserted for w in found) == 3_000
    assert sum(w.unchanged for w in found) == 6_000
    series.refresh_from_db()
    assert series.rows == 3_000
