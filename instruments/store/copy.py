"""PostgreSQL's binary COPY as numpy structured arrays: the one place that knows its format. Django's exceptions."""

import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from django.db.backends.utils import CursorWrapper
from numpy.typing import NDArray

_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
_END = b"\xff\xff"
_EPOCH = 946_684_800  # 2000-01-01 UTC, from which PostgreSQL counts microseconds

Column = tuple[str, str]  # name in the database, and its big-endian numpy type, as ">i8" or ">f8"
Rows = NDArray[np.void]
SERIES_TIME: tuple[Column, ...] = (("series_id", ">i8"), ("timestamp", ">i8"))


def copy(cursor: CursorWrapper, statement: str, stream: Any) -> None:
    """Carries out `COPY … TO STDOUT` into `stream`'s write, or `COPY … FROM STDIN` from its read.

    Raises Django's exceptions, which its cursor gives for every other way of asking.
    """
    with cursor.db.wrap_database_errors:
        cursor.copy_expert(statement, stream)


def read_rows(cursor: CursorWrapper, query: str, columns: Sequence[Column]) -> Rows:
    """What `query` selects, (n,) with a field for each of `columns`, in their order; it must not select a NULL: rows
    would be of unequal length. COPY takes no parameters, so `query` holds our own values only."""
    buffer = io.BytesIO()
    copy(cursor, f"COPY ({query}) TO STDOUT (FORMAT BINARY)", buffer)
    layout = _layout(columns, ())
    size = buffer.tell() - len(_SIGNATURE) - len(_END)
    return np.frombuffer(buffer.getbuffer(), dtype=layout, offset=len(_SIGNATURE), count=size // layout.itemsize)


def write_rows(cursor: CursorWrapper, table: str, columns: Sequence[Column], blocks: Iterable[Rows]) -> None:
    """Inserts what `blank_rows` has laid out for these columns and the caller has filled in, block by block."""
    names = ", ".join(name for name, _ in columns)
    copy(cursor, f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)", _Stream(blocks))


def blank_rows(count: int, columns: Sequence[Column], *, missing: Collection[str] = ()) -> Rows:
    """(count,) rows whose columns are to be filled in; those named in `missing` are NULL and have no field."""
    rows = np.empty(count, dtype=_layout(columns, missing))
    rows["fields"] = len(columns)
    for name, kind in columns:
        rows[f"{name}_size"] = -1 if name in missing else np.dtype(kind).itemsize
    return rows


def to_timestamp(seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Unix seconds as PostgreSQL's timestamptz, microseconds since 2000."""
    return (seconds - _EPOCH) * 1_000_000


def to_seconds(timestamp: NDArray[Any]) -> NDArray[np.int64]:
    """PostgreSQL's timestamptz as Unix seconds."""
    return timestamp.astype(np.int64) // 1_000_000 + _EPOCH


def _layout(columns: Sequence[Column], missing: Collection[str]) -> np.dtype[np.void]:
    """A row: its field count, then for each column its length and, but for a NULL, its value."""
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in columns:
        fields += [(f"{name}_size", ">i4")] if name in missing else [(f"{name}_size", ">i4"), (name, kind)]
    return np.dtype(fields)


class _Stream:
    """The file that psycopg2 reads from: blocks as they are made, never all in memory."""

    def __init__(self, blocks: Iterable[Rows]) -> None:
        self._pieces = self._bytes(blocks)
        self._rest = b""

    @staticmethod
    def _bytes(blocks: Iterable[Rows]) -> Iterator[bytes]:
        yield _SIGNATURE
        for rows in blocks:
            yield rows.tobytes()
        yield _END

    def read(self, size: int = -1) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        size = len(self._rest) if size < 0 else size
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece
