"""Plain tables of text by Arrow, which most files are: a tenth of the time that Python takes for them cell by cell.

Whatever isn't plain (a line break in a cell, a cell too many, a word among numbers) is left to `read_rows`, which says
what is wrong with which row. What is read here is what `read_rows` would have read, to the bit.
"""

import csv
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow
import pyarrow.csv

from instruments.quant.ingest.headers import NUMBERS, Columns
from instruments.quant.ingest.rows import RawTable

_BLOCK = 4_000_000  # bytes
_TEXT = pyarrow.dictionary(pyarrow.int32(), pyarrow.string())


@dataclass(frozen=True)
class PlainText:
    """A file of text in UTF-8 as `opened` gives its bytes: cells separated by `sign`, rows below `above` lines."""

    opened: Callable[[], BinaryIO]
    sign: str
    above: int

    def last_rows(self, count: int) -> list[list[str]]:
        """The cells of the last rows, of a file that `plain_table` has read."""
        with self.opened() as stream:
            lines = [line.decode() for line in deque(stream, maxlen=count)]
        return list(csv.reader(lines, delimiter=self.sign))


def plain_table(text: PlainText, columns: Columns) -> RawTable | None:
    """None where the file isn't plain. Raises OSError, EOFError and zlib.error as its stream does."""
    if columns.is_french or columns.clock is not None:  # decimal commas; two cells a date
        return None
    with text.opened() as stream:
        watched = _Watched(stream)
        above = [watched.seen(stream.readline()) for _ in range(text.above)]
        try:
            table = _read(watched, text.sign, columns)
        except pyarrow.ArrowException:
            return None
    is_plain = len(table) > 0 and len(table) == watched.lines - len(above) and watched.is_plain
    return _raw_table(table, columns, text.above) if is_plain else None


class _Watched:
    """A stream that Arrow reads from. `lines` counts them: one a row, unless a cell has a line break in it. It isn't
    plain where a line ends in a carriage return alone, or has a bracket: nan(1) is a number to Arrow alone."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._breaks = self._returns = self._both = 0
        self._end = b""
        self._has_bracket = False

    @property
    def lines(self) -> int:
        return self._breaks + (self._end != b"\n")

    @property
    def is_plain(self) -> bool:
        return self._returns == self._both and not self._has_bracket

    def read(self, size: int = -1) -> bytes:
        return self.seen(self._stream.read(size))

    def seen(self, block: bytes) -> bytes:
        self._breaks += block.count(b"\n")
        self._returns += block.count(b"\r")
        self._both += (self._end + block).count(b"\r\n")
        self._end = block[-1:] or self._end
        self._has_bracket = self._has_bracket or b"(" in block
        return block

    def readable(self) -> bool:
        return True


def _read(stream: Any, sign: str, columns: Columns) -> Any:
    names = [str(place) for place in range(columns.width)]
    types = {str(place): pyarrow.float64() if field in NUMBERS else _TEXT for field, place in columns.places.items()}
    reader = pyarrow.csv.open_csv(
        pyarrow.PythonFile(stream, mode="r"),
        read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_BLOCK, column_names=names),
        parse_options=pyarrow.csv.ParseOptions(delimiter=sign),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=types, include_columns=[*types], null_values=[""], strings_can_be_null=False
        ),
    )
    return reader.read_all().unify_dictionaries()


def _raw_table(table: Any, columns: Columns, above: int) -> RawTable:
    rows, places = len(table), columns.places
    symbol, symbols = _coded(table, places.get("symbol"))
    date, dates = _coded(table, places["time"])
    return RawTable(
        row=np.arange(above + 1, above + 1 + rows, dtype=np.int64),
        symbol=symbol,
        symbols=symbols,
        date=date,
        dates=dates,
        numbers={name: _numbers(table, places.get(name)) for name in NUMBERS},
        unreadable={},
        texts={},
        surplus=np.zeros(rows, dtype=np.int32),
        width=columns.width,
        origin=np.zeros(rows, dtype=np.int32),
        has_symbols="symbol" in places,
        has_adj_close=columns.has_adj_close,
        has_decimal_comma=False,
    )


def _coded(table: Any, place: int | None) -> tuple[Any, tuple[str, ...]]:
    """Which text each row has, and the texts in the order in which they come."""
    if place is None:
        return np.zeros(len(table), dtype=np.int32), ("",)
    coded = table.column(str(place)).combine_chunks()
    coded = coded.chunk(0) if isinstance(coded, pyarrow.ChunkedArray) else coded
    return coded.indices.to_numpy(), tuple(text.strip() for text in coded.dictionary.to_pylist())


def _numbers(table: Any, place: int | None) -> Any:
    if place is None:
        return np.full(len(table), np.nan)
    return np.asarray(table.column(str(place)).to_numpy(), dtype=np.float64)
