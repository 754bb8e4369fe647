"""Bars into the database: rows that are stored already and equal are not written.

Measured on a million bars on PostgreSQL: COPY into a staging table and one upsert 24 s, `bulk_create` 105 s.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from numpy.typing import NDArray

from instruments.models import REPAIR, PriceBar, RevisionKind, Series
from instruments.quant.bars import Bars, Seconds
from instruments.quant.mismatch import Mismatch, mismatch_of
from instruments.quant.revisions import PRICES, Change, removal_change, upsert_change
from instruments.store import copy
from instruments.store.read_bars import COLUMNS, load_bars, load_many
from instruments.store.revisions import IMPORT, Origin, revisions_write

_TABLE = PriceBar._meta.db_table
_STAGING = "bars_staging"
_FIGURES = ("rows", "first", "last", "revision", "rewritten", "updated_at")
_SLICE = 5_000  # rows a transaction on SQLite: readers and the heartbeat wait for one that writes
_TOGETHER = 64  # series that are held against what is stored at a time
_PARAMETERS = 500  # of a statement


@dataclass(frozen=True)
class Written:
    """What became of the rows of one series."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(self.inserted + other.inserted, self.updated + other.updated, self.unchanged + other.unchanged)


def import_transaction() -> AbstractContextManager[None]:
    """All of an import or nothing on PostgreSQL; on SQLite short transactions, because everybody waits for a writer.

    An import that was cut off there is completed by giving it again: what is stored already is left alone.
    """
    return transaction.atomic() if connection.vendor == "postgresql" else nullcontext()


def lock_series(series: list[Series]) -> None:
    """Until the transaction ends; on SQLite who writes holds the only lock.

    One order for the locks, whatever the files' order: two imports at once wait instead of deadlocking.
    """
    if connection.vendor == "postgresql":
        list(Series.objects.select_for_update().filter(pk__in=[s.pk for s in series]).order_by("pk").values("pk"))


@dataclass(frozen=True)
class Comparison:
    """n bars held against what is stored of their series; each is one of: fresh, changed, clashing, or as it was.

    Clashing ones were stored with other values by another source; `sources` counts them by its name.
    """

    fresh: NDArray[np.bool_]
    changed: NDArray[np.bool_]
    clashing: NDArray[np.bool_]
    sources: dict[str, int]


def compare_bars(series: Series, bars: Bars, source: str) -> Comparison:
    """What storing `bars` as of `source` would change. Each ascending, no time twice."""
    start, end = _moment(bars.time[0]), _moment(bars.time[-1])
    fresh, differs = _compare(bars, load_bars(series, start=start, end=end))
    clashing, sources = np.zeros(len(bars), dtype=np.bool_), Counter[str]()
    if differs.any():
        others = PriceBar.objects.filter(series=series, timestamp__range=(start, end)).exclude(source=source)
        owners = {int(moment.timestamp()): name for moment, name in others.values_list("timestamp", "source")}
        for place in np.flatnonzero(differs).tolist():
            if owner := owners.get(int(bars.time[place])):
                clashing[place] = True
                sources[owner] += 1
    return Comparison(fresh, differs & ~clashing, clashing, dict(sources))


def write_bars(parts: list[tuple[Series, Bars]], source: str, origin: Origin = IMPORT) -> dict[int, Written]:
    """Upsert the bars of several series (each ascending, no time twice): what changed, by the series' primary key.
    What they were before is recorded with them."""
    if connection.vendor == "postgresql":
        return _write_postgresql(parts, source, origin)
    return {series.pk: _write_slices(series, bars, source, origin) for series, bars in parts}


def remove_bars(series: Series, gone: Seconds, source: str, origin: Origin) -> int:
    """Take away the bars at these times; how many there were. They are recorded. The caller holds a transaction and
    the lock on the series."""
    if not len(gone):
        return 0
    stored = load_bars(series, start=_moment(gone.min()), end=_moment(gone.max()))
    is_gone = np.isin(stored.time, gone)
    change = removal_change(stored, is_gone, _sources(series, stored.time[is_gone]))
    times = [_moment(second) for second in change.time.tolist()]
    for start in range(0, len(times), _PARAMETERS):
        PriceBar.objects.filter(series=series, timestamp__in=times[start : start + _PARAMETERS]).delete()
    if times:
        revisions_write([(series, change, 0, None)], source, origin)
        _write_figures(series, Written(updated=len(times)), is_revision=True)
    return len(times)


@dataclass(frozen=True)
class _Upsert:
    """Of the bars given for a series: which are not stored, and which are stored with other values; each (n,)."""

    series: Series
    bars: Bars
    stored: Bars
    fresh: NDArray[np.bool_]
    changed: NDArray[np.bool_]

    @property
    def chosen(self) -> Bars:
        return self.bars.where(self.fresh | self.changed)

    @property
    def written(self) -> Written:
        inserted, updated = int(self.fresh.sum()), int(self.changed.sum())
        return Written(inserted, updated, len(self.bars) - inserted - updated)


def _plan(parts: list[tuple[Series, Bars]]) -> list[_Upsert]:
    """Held against what is stored; the series are locked."""
    start, end = min(bars.time[0] for _, bars in parts), max(bars.time[-1] for _, bars in parts)
    histories = load_many([series for series, _ in parts], start=_moment(start), end=_moment(end))
    return [
        _Upsert(series, bars, stored, *_compare(bars, stored))
        for (series, bars), stored in zip(parts, histories, strict=True)
    ]


def _record(upserts: list[_Upsert], source: str, origin: Origin) -> None:
    """What they change; in the transaction that writes them, before it does."""
    changes = []
    for upsert in upserts:
        fresh, changed = upsert.fresh, upsert.changed
        if fresh.any() or changed.any():
            sources = _sources(upsert.series, upsert.bars.time[changed])
            change = upsert_change(upsert.stored, upsert.bars, fresh, changed, sources)
            mismatch = _mismatch(change, upsert, source) if origin.kind == RevisionKind.IMPORT else None
            changes.append((upsert.series, change, int(fresh.sum()), mismatch))
    if changes:
        revisions_write(changes, source, origin)


def _mismatch(change: Change, upsert: _Upsert, source: str) -> Mismatch | None:
    """Of closes alone; bars that somebody has repaired aren't a source's."""
    if "close" not in change.prices:
        return None
    owners = [source if name.startswith(REPAIR) else name for name in change.sources]
    return mismatch_of(change.time, change.prices["close"], upsert.bars.close[upsert.changed], owners, source)


def _sources(series: Series, times: Seconds) -> list[str]:
    """Where the bars at these times, ascending, came from."""
    if not len(times):
        return []
    rows = PriceBar.objects.filter(series=series, timestamp__range=(_moment(times[0]), _moment(times[-1]))).order_by()
    names = list(rows.values_list("source", flat=True).distinct()[:2])
    if len(names) == 1:
        return names * len(times)
    of = {int(moment.timestamp()): name for moment, name in rows.values_list("timestamp", "source")}
    return [of[second] for second in times.tolist()]


def _write_postgresql(parts: list[tuple[Series, Bars]], source: str, origin: Origin) -> dict[int, Written]:
    columns = ", ".join(PRICES)
    written: dict[int, Written] = {}
    changing = []
    with import_transaction(), connection.cursor() as cursor:
        lock_series([series for series, _ in parts])
        for start in range(0, len(parts), _TOGETHER):
            upserts = _plan(parts[start : start + _TOGETHER])
            _record(upserts, source, origin)
            written |= {upsert.series.pk: upsert.written for upsert in upserts}
            changing += [(upsert.series, upsert.chosen) for upsert in upserts]
        prices = ", ".join(f"{name} float8" for name in PRICES)
        cursor.execute(f"CREATE TEMP TABLE {_STAGING} (series_id int8, timestamp timestamptz, {prices}) ON COMMIT DROP")
        copy.write_rows(cursor, _STAGING, COLUMNS, _copy_blocks(changing))
        cursor.execute(
            f"""
            INSERT INTO {_TABLE} (series_id, timestamp, {columns}, source)
            SELECT series_id, timestamp, {columns}, %s FROM {_STAGING}
            ON CONFLICT (series_id, timestamp) DO UPDATE
            SET {", ".join(f"{name} = EXCLUDED.{name}" for name in (*PRICES, "source"))}
            """,
            [source],
        )
        cursor.execute(f"DROP TABLE {_STAGING}")  # a caller's own transaction may write again before it commits
        for series, _ in parts:
            _write_figures(series, written[series.pk], is_revision=written[series.pk].updated > 0)
    return written


def _copy_blocks(parts: list[tuple[Series, Bars]]) -> Iterator[copy.Rows]:
    """Rows of COPY, a block for each series."""
    for series, bars in parts:
        rows = copy.blank_rows(len(bars), COLUMNS)
        rows["series_id"], rows["timestamp"] = series.pk, copy.to_timestamp(bars.time)
        for name in PRICES:
            rows[name] = getattr(bars, name)
        yield rows


def _write_slices(series: Series, bars: Bars, source: str, origin: Origin) -> Written:
    total = Written()
    for start in range(0, len(bars), _SLICE):
        part = bars.slice(start, start + _SLICE)
        total += _write_slice(series, part, source, origin, is_first_change=total.updated == 0)
    return total


def _write_slice(series: Series, bars: Bars, source: str, origin: Origin, *, is_first_change: bool) -> Written:
    with transaction.atomic():  # IMMEDIATE: nobody writes between the look and the write
        [upsert] = _plan([(series, bars)])
        _record([upsert], source, origin)
        chosen = upsert.chosen
        moments = np.datetime_as_string(chosen.time.astype("datetime64[s]")).tolist()
        times = [moment.replace("T", " ") for moment in moments]  # as Django writes them
        prices = (getattr(chosen, name).tolist() for name in PRICES)
        rows = list(zip(repeat(series.pk, len(times)), times, *prices, repeat(source, len(times)), strict=True))
        names = ("series_id", "timestamp", *PRICES, "source")
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {_TABLE} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))}) "
                f"ON CONFLICT (series_id, timestamp) DO UPDATE "
                f"SET {', '.join(f'{name} = excluded.{name}' for name in (*PRICES, 'source'))}",
                rows,
            )
        _write_figures(series, upsert.written, is_revision=upsert.written.updated > 0 and is_first_change)
    return upsert.written


def _write_figures(series: Series, written: Written, *, is_revision: bool) -> None:
    """The series' own figures, in the transaction that changes its bars, and in `series`: whoever is killed leaves them
    true. An older release may have left others, which are put right here too."""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    values = [int(is_revision), written.updated, now, series.pk, series.pk, written.inserted + written.updated > 0]
    with connection.cursor() as cursor:  # a third of the time that Django's queries take, which is most of a refresh's
        cursor.execute(
            f"""
            UPDATE {Series._meta.db_table} AS series
            SET rows = bars.count, first = bars.oldest, last = bars.newest,
                revision = revision + %s, rewritten = rewritten + %s, updated_at = %s
            FROM (
                SELECT count(*) AS count, min(timestamp) AS oldest, max(timestamp) AS newest
                FROM {_TABLE} WHERE series_id = %s
            ) AS bars
            WHERE id = %s
                AND (%s OR rows <> bars.count OR first <> bars.oldest OR last <> bars.newest)
            RETURNING {", ".join(_FIGURES)}
            """,
            values,
        )
        for row in cursor.fetchall():
            for name, value in zip(_FIGURES, row, strict=True):
                setattr(series, name, _aware(value))


def _aware(value: Any) -> Any:
    """A moment with its zone, which SQLite leaves out; other values as they are."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value


def _compare(bars: Bars, stored: Bars) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of `bars` are not stored, and which are stored with other values."""
    if len(stored) == 0:
        return np.ones(len(bars), dtype=np.bool_), np.zeros(len(bars), dtype=np.bool_)
    place = np.minimum(np.searchsorted(stored.time, bars.time), len(stored) - 1)
    fresh = stored.time[place] != bars.time
    differs = np.zeros(len(bars), dtype=np.bool_)
    for name in PRICES:
        differs |= getattr(stored, name)[place] != getattr(bars, name)
    return fresh, ~fresh & differs


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
