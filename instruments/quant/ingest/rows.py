"""Rows of cells to columns: numbers are read, dates and symbols collected; nothing is judged here."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.ingest.headers import NUMBERS, Columns
from instruments.quant.ingest.numbers import has_decimal_comma, with_point

CHUNK = 10_000  # rows
LISTED = 1_000  # bad rows that are told one by one; all are counted
_MISSING = {"", "nan", "null", "none", "n/a", "na", "-", "#n/a"}

Row = tuple[int, Sequence[Any]]  # the row's number in its file, its cells


@dataclass(frozen=True)
class RawTable:
    """n rows of one file or table as it gave them, in its order.

    `row` is the line in the file; `symbols[symbol[i]]` and `dates[date[i]]` are texts, each distinct one once;
    `numbers` are NaN where a cell is empty or no number; `unreadable[column]` marks the latter, of which
    `texts[(i, column)]` has the first LISTED of each column as they were written. `surplus` is how many cells a row has
    where these are more than the header's `width`, else 0. `origin` tells tables apart that were put one after the
    other.

    Nothing here grows with what is wrong: a file of rubbish takes no more memory than one of bars.
    """

    row: NDArray[np.int64]
    symbol: NDArray[np.int32]
    symbols: tuple[str, ...]
    date: NDArray[np.int32]
    dates: tuple[str, ...]
    numbers: dict[str, NDArray[np.float64]]
    unreadable: dict[str, NDArray[np.bool_]]
    texts: dict[tuple[int, str], str]
    surplus: NDArray[np.int32]
    width: int
    origin: NDArray[np.int32]
    has_symbols: bool
    has_adj_close: bool
    has_decimal_comma: bool

    def __len__(self) -> int:
        return len(self.row)

    def head(self, rows: int) -> "RawTable":
        """Its first rows."""
        return replace(
            self,
            row=self.row[:rows],
            symbol=self.symbol[:rows],
            date=self.date[:rows],
            numbers={name: values[:rows] for name, values in self.numbers.items()},
            unreadable={name: marks[:rows] for name, marks in self.unreadable.items()},
            texts={place: text for place, text in self.texts.items() if place[0] < rows},
            surplus=self.surplus[:rows],
            origin=self.origin[:rows],
        )


@dataclass
class _Codes:
    """Distinct values and, for each row, which one."""

    numbered: dict[Any, int] = field(default_factory=dict)
    parts: list[NDArray[np.int32]] = field(default_factory=list)

    def add(self, values: list[Any]) -> None:
        numbered = self.numbered
        if any(kind.__hash__ is None for kind in set(map(type, values))):  # lists, from JSON or a column of arrays
            values = [text_of(value) for value in values]
        self.parts.append(np.fromiter((numbered.setdefault(value, len(numbered)) for value in values), dtype=np.int32))

    def codes(self) -> NDArray[np.int32]:
        return np.concatenate(self.parts) if self.parts else np.zeros(0, dtype=np.int32)

    def texts(self) -> tuple[str, ...]:
        return tuple(text_of(value) for value in self.numbered)


Probe = Callable[[RawTable], None]


@dataclass
class _Numbers:
    """A column of numbers, chunk by chunk."""

    name: str
    place: int | None
    values: list[NDArray[np.float64]] = field(default_factory=list)
    unreadable: list[NDArray[np.bool_]] = field(default_factory=list)
    listed: int = 0

    def add(self, cells: list[Sequence[Any]], base: int, texts: dict[tuple[int, str], str], is_comma: bool) -> None:
        if self.place is None:
            self.values.append(np.full(len(cells), np.nan))
            self.unreadable.append(np.zeros(len(cells), dtype=np.bool_))
            return
        written = [row[self.place] for row in cells]
        values, unreadable = _numbers(with_point(written) if is_comma else written)
        for i in np.flatnonzero(unreadable)[: LISTED - self.listed].tolist():
            texts[base + i, self.name] = text_of(written[i])[:40]
            self.listed += 1
        self.values.append(values)
        self.unreadable.append(unreadable)


def read_rows(columns: Columns, rows: Iterable[Row], *, probe: Probe | None = None) -> RawTable:
    """The table of `rows`. Cells may be texts, or numbers and dates as a database gives them.

    `probe` is shown the first CHUNK rows, and raises NotBars where the others are not worth reading.
    """
    places = columns.places
    symbols, dates = _Codes(), _Codes()
    numbers = [_Numbers(name, places.get(name)) for name in NUMBERS]
    lines: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    surplus: list[NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)]
    texts: dict[tuple[int, str], str] = {}
    is_comma, base = columns.is_french, 0

    def table() -> RawTable:
        return RawTable(
            row=np.concatenate(lines),
            symbol=symbols.codes(),
            symbols=symbols.texts(),
            date=dates.codes(),
            dates=dates.texts(),
            numbers={column.name: np.concatenate([np.zeros(0), *column.values]) for column in numbers},
            unreadable={c.name: np.concatenate(c.unreadable) for c in numbers if any(map(np.any, c.unreadable))},
            texts=texts,
            surplus=np.concatenate(surplus),
            width=columns.width,
            origin=np.zeros(base, dtype=np.int32),
            has_symbols="symbol" in places,
            has_adj_close=columns.has_adj_close,
            has_decimal_comma=is_comma,
        )

    for chunk in _chunks(rows):
        cells = [_fitted(row, columns.width) for _, row in chunk]
        if base == 0:  # the first rows tell for all
            written = (row[column.place] for row in cells for column in numbers if column.place is not None)
            is_comma = has_decimal_comma(written, likely=columns.is_french)
        lines.append(np.fromiter((line for line, _ in chunk), dtype=np.int64, count=len(chunk)))
        surplus.append(_surplus(chunk, columns.width))
        dates.add(_dates(cells, places["time"], columns.clock))
        symbols.add([row[places["symbol"]] for row in cells] if "symbol" in places else [""] * len(cells))
        for column in numbers:
            column.add(cells, base, texts, is_comma)
        is_first, base = base == 0, base + len(chunk)
        if probe and is_first and len(chunk) == CHUNK:
            probe(table())
    return table()


def text_of(value: Any) -> str:
    """A cell as text: nothing as "", a date in ISO."""
    if value is None:
        return ""
    if isinstance(value, date):  # and datetime, which is one
        return value.isoformat()
    return str(value).strip()


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _fitted(row: Sequence[Any], width: int) -> Sequence[Any]:
    return row if len(row) == width else [*row[:width], *[""] * (width - len(row))]


def _surplus(chunk: list[Row], width: int) -> NDArray[np.int32]:
    """Cells of the rows that hold something beyond the header's columns."""
    counts = (len(row) if len(row) > width and any(map(text_of, row[width:])) else 0 for _, row in chunk)
    return np.fromiter(counts, dtype=np.int32, count=len(chunk))


def _dates(cells: list[Sequence[Any]], place: int, clock: int | None) -> list[Any]:
    if clock is None:
        return [row[place] for row in cells]
    return [f"{text_of(row[place])} {text_of(row[clock])}".strip() for row in cells]


def _numbers(column: list[Any]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The values, and which cells are no number."""
    kinds = set(map(type, column))
    unreadable = np.zeros(len(column), dtype=np.bool_)
    if kinds <= {str, float, int}:  # the common case in C; "_" is a digit separator to Python and to nobody else
        try:
            if kinds != {str}:
                return np.fromiter(map(float, column), dtype=np.float64, count=len(column)), unreadable
            if "_" not in "".join(column):
                numbers = (float(cell or "nan") for cell in column)
                return np.fromiter(numbers, dtype=np.float64, count=len(column)), unreadable
        except (ValueError, OverflowError):
            pass
    values = np.full(len(column), np.nan)
    for i, cell in enumerate(column):
        text = text_of(cell)
        if text.lower() in _MISSING:
            continue
        try:
            if isinstance(cell, bool) or "_" in text:
                raise ValueError
            values[i] = float(text)
        except ValueError:
            unreadable[i] = True
    return values, unreadable
