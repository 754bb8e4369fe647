"""Bars and daily features of whole series from a cache of columns, which is filled from the database by whoever loads
first: what universe runs, walks, recommendations and their scores read.

Packs lie in BOURSOMATIC_HOME/columns: the bars of 64 neighbouring series (by primary key) in one, their features in
another. So a universe of 10,000 opens 320 files, universes that overlap share them, and a new bar of one series costs
the reading of that series and the writing of its packs. Packs hold what was asked for, no more. A number is used where
the series is as it was when the number was loaded or computed (revision, rows, last bar and moment of the last change:
one query for all series), and where the number itself is as it was written; else it is made again. Of series that are
kept as traded a third pack holds the candles adjusted by their actions, which count as a change of the series too.
"""

import hashlib
import inspect
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray

from boursomatic.shared.mapped import let_go
from instruments.models import Series
from instruments.quant import bars as bars_module
from instruments.quant import point_in_time, stale
from instruments.quant.bars import Bars, fingerprint
from instruments.quant.features import daily, rolling
from instruments.quant.stale import stale_mask
from instruments.store.actions import is_as_traded
from instruments.store.packs import Layout, Numbers, Piece, make_piece, read_pack, remove_oldest, write_pack
from instruments.store.read_bars import MarkedBars, load_many, load_marked, mark_histories

Singles = NDArray[np.float32]

_SERIES = Series._meta.db_table
_TOGETHER = (
    64  # series in a pack: few enough to be computed side by side in the processor's caches, and in little memory
)
_BARS = Layout("bars", "<f8", len(fields(Bars)))  # the first column is the time: integers of as many bytes
_CANDLES = Layout("candles", _BARS.kind, _BARS.columns)  # of series as traded: adjusted, without stale bars
_FEATURES = Layout("features", "<f4", len(daily.get_feature_columns()))
_UNSURE = b""  # the mark of what may have changed while it was read: it is used once and not kept
log = logging.getLogger("boursomatic.columns")

Make = Callable[[list[int]], dict[int, Piece]]


@dataclass(frozen=True, slots=True)
class FeaturedCandles:
    """Every candle of a series as `MarkedBars.candles`; `features` (n, k), columns as `get_feature_columns`, NaN where
    a window isn't full; `fingerprint` of the candles. Stale bars are no candles. Arrays may be mapped: read-only."""

    candles: Bars
    features: Singles
    fingerprint: str


def marked_bars(series: Sequence[Series]) -> list[MarkedBars]:
    """Every bar of these series, in their order, the stale ones marked."""
    marks = series_marks([member.pk for member in series])
    stored = {member.pk: member.bars_then for member in series if member.bars_then is not None}
    for number, block in _blocks(series).items():
        stored.update({pk: _as_bars(piece.numbers) for pk, piece in _bar_pieces(number, block, marks).items()})
    return mark_histories(series, [stored[member.pk] for member in series])


def featured_candles(
    series: Sequence[Series], *, on_read: Callable[[int, int], None] = lambda done, todo: None
) -> list[FeaturedCandles]:
    """Every candle of these series with its features, in their order. `on_read`: (series done, series to do)."""
    marks, featured = series_marks([member.pk for member in series]), {}
    for member in (member for member in series if member.bars_then is not None):
        featured[member.pk] = _featured_then(member)
    for number, block in _blocks(series).items():
        as_traded = {pk: member for pk, member in block.items() if is_as_traded(member)}
        bars = _bar_pieces(number, {pk: member for pk, member in block.items() if pk not in as_traded}, marks)
        candles = _candle_pieces(number, as_traded, marks)
        features = _feature_pieces(number, bars, candles)
        featured.update({pk: _featured(piece, features[pk]) for pk, piece in (bars | candles).items()})
        let_go(*(piece.numbers for pieces in (bars, candles, features) for piece in pieces.values()))
        on_read(len(featured), len(series))
    return [featured[member.pk] for member in series]


def mapped_bars(series: Series) -> MarkedBars | None:
    """Every bar of one series, the stale ones marked, if they lie in the cache. Nothing is loaded or written."""
    piece = read_pack(_path(_BARS, series.pk // _TOGETHER), _BARS).get(series.pk)
    if piece is None or piece.mark != series_marks([series.pk]).get(series.pk) or not piece.is_intact():
        return None
    return mark_histories([series], [_as_bars(piece.numbers)])[0]


def series_marks(pks: Collection[int]) -> dict[int, bytes]:
    """SHA-256 of all that changes with a series' bars and actions. The moment of the last change is in it, because a
    database that was restored from a backup counts its revisions again. Past Django's objects and datetimes, which
    would take as long as the numbers themselves."""
    moments = "CAST(last AS TEXT), CAST(updated_at AS TEXT)"
    query = f"SELECT id, revision, rows, {moments} FROM {_SERIES} WHERE id IN ({', '.join(map(str, pks)) or 'NULL'})"
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {row[0]: hashlib.sha256(repr(row).encode()).digest() for row in cursor.fetchall()}


def _blocks(series: Sequence[Series]) -> dict[int, dict[int, Series]]:
    """By the number of their pack, and then by primary key; without those that are not read as they are stored."""
    blocks: dict[int, dict[int, Series]] = defaultdict(dict)
    for member in series:
        if member.bars_then is None:
            pk = member.pk
            blocks[pk // _TOGETHER][pk] = member
    return blocks


def _bar_pieces(number: int, block: Mapping[int, Series], marks: Mapping[int, bytes]) -> dict[int, Piece]:
    def load(missing: list[int]) -> dict[int, Piece]:
        histories = load_many([block[pk] for pk in missing])
        still = series_marks(
            missing
        )  # bars and what marks them change in one transaction: the same before and after is safe
        return {
            pk: make_piece(marks[pk] if pk in marks and marks[pk] == still.get(pk) else _UNSURE, _as_numbers(bars))
            for pk, bars in zip(missing, histories, strict=True)
        }

    return _through_cache(_BARS, number, {pk: marks.get(pk, _UNSURE) for pk in block}, load)


def _candle_pieces(number: int, block: Mapping[int, Series], marks: Mapping[int, bytes]) -> dict[int, Piece]:
    """Of series that are kept as traded: the candles as runs read them."""

    def adjust(missing: list[int]) -> dict[int, Piece]:
        members = [block[pk] for pk in missing]
        bars = _bar_pieces(number, {member.pk: member for member in members}, marks)
        marked = mark_histories(members, [_as_bars(bars[pk].numbers) for pk in missing])
        still = series_marks(missing)
        return {
            pk: make_piece(
                own_marks[pk] if bars[pk].mark and marks[pk] == still.get(pk) else _UNSURE, _as_numbers(own.candles)
            )
            for pk, own in zip(missing, marked, strict=True)
        }

    own_marks = {pk: hashlib.sha256(_factors() + marks[pk]).digest() if pk in marks else _UNSURE for pk in block}
    return _through_cache(_CANDLES, number, own_marks, adjust)


def _feature_pieces(number: int, bars: Mapping[int, Piece], candles: Mapping[int, Piece]) -> dict[int, Piece]:
    pieces = {**bars, **candles}
    marks = {
        pk: hashlib.sha256(_formulas() + piece.mark).digest() if piece.mark else _UNSURE for pk, piece in pieces.items()
    }

    def compute(missing: list[int]) -> dict[int, Piece]:
        histories = [_as_bars(pieces[pk].numbers) for pk in missing]
        fresh = [
            history if pk in candles else history.where(~stale_mask(history))
            for pk, history in zip(missing, histories, strict=True)
        ]
        matrices = daily.daily_features([history.adjusted() for history in fresh], _FEATURES.kind)
        return {
            pk: make_piece(marks[pk], np.ascontiguousarray(matrix.T))
            for pk, matrix in zip(missing, matrices, strict=True)
        }

    return _through_cache(_FEATURES, number, marks, compute)


def _through_cache(layout: Layout, number: int, marks: Mapping[int, bytes], make: Make) -> dict[int, Piece]:
    """The pieces with these marks, by key: those that lie in the pack and are intact, the others made and put there."""
    if not marks:
        return {}
    path = _path(layout, number)
    pack = read_pack(path, layout)
    pieces = _intact(pack, marks)
    if missing := [pk for pk in marks if pk not in pieces]:
        made = make(missing)
        pieces |= made
        if _keep(path, pack | {pk: piece for pk, piece in made.items() if piece.mark}, layout):
            pieces |= _intact(read_pack(path, layout), {pk: made[pk].mark for pk in made})  # maps take no memory
    return pieces


def _intact(pack: Mapping[int, Piece], marks: Mapping[int, bytes]) -> dict[int, Piece]:
    return {pk: pack[pk] for pk, mark in marks.items() if pk in pack and pack[pk].mark == mark and pack[pk].is_intact()}


def _keep(path: Path, pieces: Mapping[int, Piece], layout: Layout) -> bool:
    """Whether they are in the cache now. A disk that is full costs time, no run."""
    if not pieces or not settings.COLUMNS_BYTES:
        return False
    try:
        write_pack(path, pieces, layout)
        remove_oldest(path.parent, settings.COLUMNS_BYTES)
    except OSError as problem:
        log.warning("%s could not be kept and is made again next time: %s", path.name, problem)
        return False
    return True


def _path(layout: Layout, number: int) -> Path:
    return Path(settings.COLUMNS_ROOT) / f"{layout.name}-{number}.npy"


@cache
def _formulas() -> bytes:
    """SHA-256 of set, version and code: features made by other formulas are no longer the series' features."""
    digest = hashlib.sha256(repr((daily.FEATURE_SET, daily.VERSION, daily.get_feature_columns())).encode())
    for module in (bars_module, stale, rolling, daily):
        digest.update(inspect.getsource(module).encode())
    return digest.digest()


@cache
def _factors() -> bytes:
    """SHA-256 of the code by which candles are adjusted."""
    return hashlib.sha256("".join(map(inspect.getsource, (bars_module, stale, point_in_time))).encode()).digest()


def _featured(bars: Piece, features: Piece) -> FeaturedCandles:
    stored = _as_bars(bars.numbers)
    if features.numbers.shape[1] == len(stored):
        return FeaturedCandles(stored, features.numbers.T, bars.digest.hex())
    candles = stored.where(~stale_mask(stored))
    return FeaturedCandles(candles, features.numbers.T, fingerprint(candles))


def _featured_then(series: Series) -> FeaturedCandles:
    candles = load_marked(series).candles
    [features] = daily.daily_features([candles.adjusted()], _FEATURES.kind)
    return FeaturedCandles(candles, features, fingerprint(candles))


def _as_numbers(bars: Bars) -> Numbers:
    """(columns, n). Their SHA-256 is the fingerprint of the bars."""
    numbers = np.empty((_BARS.columns, len(bars)), dtype=_BARS.kind)
    numbers[0].view(np.int64)[:] = bars.time
    for column, field in zip(numbers[1:], fields(Bars)[1:], strict=True):
        column[:] = getattr(bars, field.name)
    return numbers


def _as_bars(numbers: Numbers) -> Bars:
    return Bars(numbers[0].view(np.int64), *numbers[1:])
