"""Bars and features through the columnar cache: the database's numbers, whatever lies on the disk."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from instruments.imports.services import bars_write
from instruments.models import Series
from instruments.quant.bars import Bars, fingerprint
from instruments.quant.features.daily import daily_features
from instruments.store import columns
from instruments.store.columns import FeaturedCandles, featured_candles, mapped_bars, marked_bars
from instruments.store.features import features_compute, load_features
from instruments.store.read_bars import load_many, load_marked_many
from instruments.store.write_bars import write_bars
from tests.instruments.bars import empty
from tests.instruments.store.test_packs import files_up_to
from tests.people import ApiOf
from tests.training.quant.noise import fill_forward, noise_bars
from tests.training.universe import change_after

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.COLUMNS_ROOT = tmp_path / "columns"
    return tmp_path / "columns"


def stored(symbol: str, bars: Bars) -> Series:
    series = empty(symbol, "1d")
    bars_write(series=series, bars=bars, source="test")
    return series


def several() -> list[Series]:
    """One of them with stale bars, one without a bar."""
    filled, _ = fill_forward(noise_bars(280, seed=3), seed=3, share=0.2, how="flat")
    return [stored("CCC", filled), stored("AAA", noise_bars(300)), empty("DDD", "1d"), stored("BBB", noise_bars(90))]


def same_bars(one: Bars, other: Bars) -> bool:
    return all(
        getattr(one, field.name).dtype == getattr(other, field.name).dtype
        and getattr(one, field.name).tobytes() == getattr(other, field.name).tobytes()
        for field in fields(Bars)
    )


def assert_right(series: Sequence[Series], found: Sequence[FeaturedCandles]) -> None:
    """Held against the database, and against features made of what is there."""
    candles = [marked.candles for marked in load_marked_many(series)]
    for history, own in zip(found, candles, strict=True):
        (matrix,) = daily_features([own.adjusted()])
        assert same_bars(history.candles, own) and history.fingerprint == fingerprint(own)
        assert history.features.dtype == np.float32 and history.features.shape == matrix.shape
        assert np.array_equal(history.features, matrix.astype(np.float32), equal_nan=True)


def bar_queries(action: Callable[[], object]) -> tuple[int, int]:
    """How many queries it took, and how many of them read bars."""
    with CaptureQueriesContext(connection) as queries:
        action()
    return len(queries), sum("instruments_pricebar" in query["sql"] for query in queries)


def packs(folder: Path) -> set[str]:
    return {path.name.partition("-")[0] for path in folder.iterdir()}


def test_it_gives_the_databases_numbers_the_first_time_and_the_second(folder: Path) -> None:
    series = several()
    first = featured_candles(series)
    assert packs(folder) == {"bars", "features"}
    before = {path: path.stat().st_ino for path in folder.iterdir()}
    assert_right(series, first)
    assert_right(series, featured_candles(series))
    for marked, bars in zip(marked_bars(series), load_many(series), strict=True):
        assert same_bars(marked.stored, bars)
    assert len(marked_bars(series)[0].candles) == 280 < len(marked_bars(series)[0].stored)
    assert {path: path.stat().st_ino for path in folder.iterdir()} == before  # written once


def test_it_asks_one_query_for_all_series_and_reads_no_bar_twice() -> None:
    series = several()
    featured_candles(series)
    assert bar_queries(lambda: featured_candles(series)) == (1, 0)
    assert bar_queries(lambda: marked_bars(series)) == (1, 0)


def test_its_features_are_those_of_the_table_to_the_last_bit() -> None:
    series = several()
    features_compute(series=series, on_series=lambda *_: None)
    for one, history in zip(series, featured_candles(series), strict=True):
        table = load_features([one.pk])
        assert np.array_equal(table.time, history.candles.time)
        assert np.array_equal(table.matrix.astype(np.float32), history.features, equal_nan=True)


def test_whoever_is_asked_for_with_it_and_whatever_comes_later_its_numbers_are_the_same(
    tmp_path: Path, settings: Any
) -> None:
    """Each time from a cache that is empty, and in the table."""
    series = several()
    whole = featured_candles(series)
    for number, order in enumerate(([3, 1], [2, 1, 0, 3], [1])):
        settings.COLUMNS_ROOT = tmp_path / f"columns-{number}"
        for place, history in zip(order, featured_candles([series[place] for place in order]), strict=True):
            assert same_bars(history.candles, whole[place].candles)
            assert history.features.tobytes() == whole[place].features.tobytes()
    features_compute(series=series, on_series=lambda *_: None)
    table = load_features([series[1].pk]).matrix
    _rewrite(series[1])
    features_compute(series=series[1:2], on_series=lambda *_: None)
    assert featured_candles(series)[1].features[:201].tobytes() == whole[1].features[:201].tobytes()
    later = load_features([series[1].pk]).matrix
    assert np.array_equal(later[:201], table[:201], equal_nan=True) and not np.array_equal(
        later[201:], table[201:], equal_nan=True
    )


def test_it_says_how_far_it_is() -> None:
    series, told = several(), []
    featured_candles(series, on_read=lambda done, todo: told.append((done, todo)))
    assert told[-1] == (4, 4)


def _append(series: Series) -> None:
    bars_write(series=series, bars=noise_bars(310).slice(300, 310), source="test")


def _rewrite(series: Series) -> None:
    change_after(series, noise_bars(300), 200)


def _write_only(series: Series) -> None:
    """An import that is killed before it comes to the series' own figures."""
    bars = noise_bars(300, seed=77)
    write_bars([(series, Bars(noise_bars(300).time, *(getattr(bars, f.name) for f in fields(Bars)[1:])))], "test")


def _restore(series: Series) -> None:
    """A backup is played back, then other bars come in: revision, rows and last bar are as they were."""
    revision = series.revision
    _rewrite(series)
    Series.objects.filter(pk=series.pk).update(revision=revision)


@pytest.mark.parametrize("change", [_append, _rewrite, _write_only, _restore])
def test_it_reads_again_what_has_changed_and_only_that(change: Callable[[Series], None]) -> None:
    series = several()
    featured_candles(series)
    change(series[1])
    with CaptureQueriesContext(connection) as queries:
        found = featured_candles(series)
    assert_right(series, found)
    read = [query["sql"] for query in queries if "instruments_pricebar" in query["sql"]]
    assert connection.vendor == "postgresql" or len(read) == 1  # COPY isn't among Django's queries
    assert bar_queries(lambda: featured_candles(series)) == (1, 0)


def test_it_keeps_nothing_of_what_changed_while_it_was_read() -> None:
    series = several()
    once = iter([series[1]])
    is_sqlite = connection.vendor == "sqlite"

    def import_meanwhile(execute: Any, sql: str, *rest: Any) -> Any:
        """After the look at the series, before their bars are read. COPY, which reads them elsewhere, isn't told of."""
        if is_sqlite and "instruments_pricebar" in sql:
            for changed in once:
                _rewrite(changed)
        result = execute(sql, *rest)
        if not is_sqlite and sql.startswith("SELECT") and "updated_at" in sql:
            for changed in once:
                _rewrite(changed)
        return result

    with connection.execute_wrapper(import_meanwhile):
        found = featured_candles(series)
    assert_right(series, found)
    assert mapped_bars(series[1]) is None and mapped_bars(series[0]) is not None
    assert_right(series, featured_candles(series))
    assert mapped_bars(series[1]) is not None


def test_series_that_are_asked_for_apart_share_their_packs(folder: Path) -> None:
    series = several()
    featured_candles(series[:2])
    assert_right(series[1:], featured_candles(series[1:]))
    assert bar_queries(lambda: featured_candles(series)) == (1, 0)
    assert packs(folder) == {"bars", "features"}


def _flipped(content: bytes) -> Iterator[bytes]:
    for place in range(0, len(content), max(1, len(content) // 25)):
        yield content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def _cut(content: bytes) -> Iterator[bytes]:
    for length in range(0, len(content), max(1, len(content) // 10)):
        yield content[:length]


@pytest.mark.parametrize("damage", [_flipped, _cut])
def test_a_file_that_was_changed_on_the_disk_is_made_again(
    damage: Callable[[bytes], Iterator[bytes]], folder: Path
) -> None:
    series = several()
    featured_candles(series)
    for path in list(folder.iterdir()):
        content = path.read_bytes()
        for changed in damage(content):
            path.write_bytes(changed)
            assert_right(series, featured_candles(series))
            assert path.read_bytes() != changed
    assert bar_queries(lambda: featured_candles(series)) == (1, 0)


def test_a_file_in_the_place_of_another_is_not_taken_for_it(folder: Path) -> None:
    series = several()
    featured_candles(series[:2])
    aside = folder.with_name("aside")
    folder.rename(aside)
    featured_candles(series[2:])
    for kind in packs(folder):
        (first,) = aside.glob(f"{kind}-*")
        (other,) = folder.glob(f"{kind}-*")
        first.rename(other)
    assert_right(series, featured_candles(series))


def test_a_full_disk_costs_no_run(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    series = several()
    with files_up_to(16_384):
        found = featured_candles(series)
    assert_right(series, found)
    assert "could not be kept and is made again next time" in caplog.text
    assert not list(folder.iterdir())
    assert_right(series, featured_candles(series))
    assert packs(folder) == {"bars", "features"}


def test_it_stays_within_its_size_and_does_without_any(folder: Path, settings: Any) -> None:
    series = several()
    settings.COLUMNS_BYTES = 0
    assert_right(series, featured_candles(series))
    assert not folder.exists()
    settings.COLUMNS_BYTES = 60_000  # the bars are about 50,000, the features 90,000
    assert_right(series, featured_candles(series))
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 60_000


def test_other_formulas_make_other_features(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    series = several()
    featured_candles(series)
    before = {path: path.stat().st_ino for path in folder.iterdir()}
    monkeypatch.setattr(columns.daily, "VERSION", 99)
    columns._formulas.cache_clear()
    assert_right(series, featured_candles(series))
    columns._formulas.cache_clear()
    assert all((path.stat().st_ino != before[path]) == path.name.startswith("features") for path in before)


def test_a_chart_reads_it_where_it_is_there_and_fills_nothing(folder: Path, api: ApiOf, bob: User) -> None:
    series, client = several(), api(bob)
    addresses = [
        f"/api/instruments/CCC/{rest}"
        for rest in (
            "bars",
            "bars?start=2000-03-01&end=2000-05-01&price=adjusted",
            "indicators?names=macd,sma_20&start=2000-04-01&end=2000-06-01",
        )
    ]
    before = [client.get(address).content for address in addresses]
    assert not folder.exists()
    marked_bars(series)
    with CaptureQueriesContext(connection) as queries:
        assert [client.get(address).content for address in addresses] == before
    assert not any("instruments_pricebar" in query["sql"] for query in queries)
