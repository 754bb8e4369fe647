"""The table of features: filled from candles, only where something changed, and read as one matrix. For other programs:
ours read `instruments.store.columns`, which holds the same numbers.

Measured on 323,000 bars on PostgreSQL: COPY in binary in both directions; rows by Django's objects take 20 times as
long. A fill that was cut off is completed by starting it again: each series is stored whole, with what it was made
from, or not at all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from instruments.models import Feature, FeatureState, Series
from instruments.quant.bars import fingerprint
from instruments.quant.features.daily import FEATURE_SET, VERSION, daily_features, get_feature_columns
from instruments.store import copy
from instruments.store.read_bars import load_marked_many

Floats = NDArray[np.float64]
OnSeries = Callable[[int, int, int], None]  # (series done, series to do, rows written)

_TABLE = Feature._meta.db_table
_TOGETHER = 64  # instruments computed side by side: wide enough for numpy, small enough for the caches
_SLICE = 2_000  # rows a statement on SQLite


@dataclass(frozen=True)
class Computed:
    """What a fill did: `rows` that the store now holds for these series, `written` of them new or changed."""

    instruments: int
    rows: int
    written: int


@dataclass(frozen=True)
class StoredFeatures:
    """Rows of several series, ascending by series and time: `series` (primary keys) and `time` (seconds) are (n,),
    `matrix` is (n, k), columns as `get_feature_columns`, NaN where a window isn't full."""

    series: NDArray[np.int64]
    time: NDArray[np.int64]
    matrix: Floats


def features_compute(*, series: Sequence[Series], on_series: OnSeries) -> Computed:
    """Bring the stored features of these series up to their candles. Series that are as they were cost a read. A stale
    bar, which is no candle, has no row."""
    written = rows = done = 0
    for start in range(0, len(series), _TOGETHER):
        group = series[start : start + _TOGETHER]
        candles = {member.pk: marked.candles for member, marked in zip(group, load_marked_many(group), strict=True)}
        marks = {pk: fingerprint(history) for pk, history in candles.items()}
        rows += sum(len(history) for history in candles.values())
        outdated_pks = outdated_series(marks)
        outdated = [member for member in group if member.pk in outdated_pks]
        matrices = daily_features([candles[member.pk].adjusted() for member in outdated])
        for member, matrix in zip(outdated, matrices, strict=True):
            written += _store(member, candles[member.pk].time, matrix, marks[member.pk])
        done += len(group)
        on_series(done, len(series), written)
    return Computed(instruments=len(series), rows=rows, written=written)


def outdated_series(marks: dict[int, str]) -> set[int]:
    """Of series with these fingerprints, those whose features are missing or were made from other candles."""
    states = FeatureState.objects.filter(series__in=marks, feature_set=FEATURE_SET, version=VERSION)
    stored = dict(states.values_list("series_id", "fingerprint"))
    return {pk for pk, mark in marks.items() if stored.get(pk) != mark}


def load_features(series: Sequence[int]) -> StoredFeatures:
    """All stored rows of the series with these primary keys."""
    read = _read_postgresql if connection.vendor == "postgresql" else _read_sqlite
    pks, time, matrix = read([int(pk) for pk in series])
    order = np.lexsort((time, pks))
    if not np.array_equal(order, np.arange(len(order))):  # as a rule they lie in the order they were written in
        pks, time, matrix = pks[order], time[order], matrix[order]
    return StoredFeatures(pks, time, matrix)


def _store(series: Series, time: NDArray[np.int64], matrix: Floats, mark: str) -> int:
    """Rows that are stored already and equal are left alone; rows of bars that are gone go. How many were written."""
    with transaction.atomic():
        Series.objects.select_for_update().get(pk=series.pk)  # one writer at a time
        stored = load_features([series.pk])
        place = np.searchsorted(stored.time, time)
        known = place < len(stored.time)
        known[known] = stored.time[place[known]] == time[known]
        same = known.copy()
        same[known] = (_bits(stored.matrix[place[known]]) == _bits(matrix[known])).all(axis=1)
        gone = np.ones(len(stored.time), dtype=np.bool_)
        gone[place[same]] = False
        _delete(series.pk, stored.time[gone])
        _insert(series.pk, time[~same], matrix[~same])
        FeatureState.objects.update_or_create(
            series=series,
            defaults={
                "feature_set": FEATURE_SET,
                "version": VERSION,
                "fingerprint": mark,
                "rows": len(time),
                "computed_at": timezone.now(),
            },
        )
    return int((~same).sum())


def _bits(matrix: Floats) -> NDArray[np.int64]:
    """Equal where the numbers are the same; every NaN is the same, and so are 0 and -0."""
    return np.where(np.isnan(matrix), np.nan, matrix + 0.0).view(np.int64)


def _delete(series_pk: int, times: NDArray[np.int64]) -> None:
    for start in range(0, len(times), 500):
        moments = [_moment(second) for second in times[start : start + 500].tolist()]
        Feature.objects.filter(series=series_pk, timestamp__in=moments).delete()


def _insert(series_pk: int, times: NDArray[np.int64], matrix: Floats) -> None:
    names = tuple(name for name, _ in _columns())
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            copy.write_rows(cursor, _TABLE, _columns(), _copy_blocks(series_pk, times, matrix))
            return
        insert = f"INSERT INTO {_TABLE} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"
        for start in range(0, len(times), _SLICE):
            part = slice(start, start + _SLICE)
            moments = [connection.ops.adapt_datetimefield_value(_moment(second)) for second in times[part].tolist()]
            rows = zip(moments, matrix[part].tolist(), strict=True)  # SQLite stores NaN as NULL
            cursor.executemany(insert, [(series_pk, moment, *values) for moment, values in rows])


def _columns() -> tuple[copy.Column, ...]:
    return (*copy.SERIES_TIME, *((name, ">f8") for name in get_feature_columns()))


def _copy_blocks(series_pk: int, times: NDArray[np.int64], matrix: Floats) -> Iterator[copy.Rows]:
    """Rows of COPY, those with the same columns missing together: they have one layout. NaN is stored as NULL."""
    names = get_feature_columns()
    patterns, which = np.unique(np.isnan(matrix), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns.tolist()):
        chosen = np.flatnonzero(which.reshape(-1) == number)
        missing = {name for name, is_missing in zip(names, pattern, strict=True) if is_missing}
        rows = copy.blank_rows(len(chosen), _columns(), missing=missing)
        rows["series_id"], rows["timestamp"] = series_pk, copy.to_timestamp(times[chosen])
        for k, name in enumerate(names):
            if name not in missing:
                rows[name] = matrix[chosen, k]
        yield rows


def _read_postgresql(series: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    names = get_feature_columns()
    columns = ", ".join(f"COALESCE({name}, 'NaN')" for name in names)
    where = f"series_id IN ({', '.join(map(str, series)) or 'NULL'})"
    with connection.cursor() as cursor:
        query = f"SELECT series_id, timestamp, {columns} FROM {_TABLE} WHERE {where}"
        rows = copy.read_rows(cursor, query, _columns())
    matrix = np.empty((len(rows), len(names)))
    for k, name in enumerate(names):
        matrix[:, k] = rows[name]
    return rows["series_id"].astype(np.int64), copy.to_seconds(rows["timestamp"]), matrix


def _read_sqlite(series: list[int]) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    seconds = "CAST(strftime('%%s', timestamp) AS INTEGER)"
    blocks = []
    with connection.cursor() as cursor:
        for pk in series:
            cursor.execute(
                f"SELECT {seconds}, {', '.join(get_feature_columns())} FROM {_TABLE} WHERE series_id = %s "
                "ORDER BY timestamp",
                [pk],
            )
            blocks.append(np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, 1 + len(get_feature_columns())))
    whole = np.concatenate(blocks) if blocks else np.empty((0, 1 + len(get_feature_columns())))
    keys = np.repeat(np.array(series, dtype=np.int64), [len(block) for block in blocks])
    return keys, whole[:, 0].astype(np.int64), np.ascontiguousarray(whole[:, 1:])


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
