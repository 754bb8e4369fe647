"""Rows of cells to columns: numbers are read, dates and symbols collected; nothing is judged here."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.ingest.headers import NUMBERS, Columns

_CHUNK = 20_000
_MISSING = {"", "nan", "null", "none", "n/a", "na", "-", "#n/a"}

Row = tuple[int, Sequence[Any]]  # the row's number in its file, its cells


@dataclass(frozen=True)
class RawTable:
    """n rows of one file or table as it gave them, in its order.

    `row` is the line in the file; `symbols[symbol[i]]` and `dates[date[i]]` are texts, each distinct one once;
    `numbers` are NaN where a cell is empty or no number, the latter with its text in `unreadable[(i, column)]`;
    `misshapen` has the rows with too many cells. `origin` tells tables apart that were put one after the other.
    """

    row: NDArray[np.int64]
    symbol: NDArray[np.int32]
    symbols: tuple[str, ...]
    date: NDArray[np.int32]
    dates: tuple[str, ...]
    numbers: dict[str, NDArray[np.float64]]
    unreadable: dict[tuple[int, str], str]
    misshapen: dict[int, str]
    origin: NDArray[np.int32]
    has_symbols: bool
    has_adj_close: bool

    def __len__(self) -> int:
        return len(self.row)


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


def read_rows(columns: Columns, rows: Iterable[Row]) -> RawTable:
    """The table of `rows`. Cells may be texts, or numbers and dates as a database gives them."""
    places = columns.places
    symbols, dates, numbers = _Codes(), _Codes(), {name: [np.zeros(0)] for name in NUMBERS}
    lines: list[int] = []
    unreadable: dict[tuple[int, str], str] = {}
    misshapen: dict[int, str] = {}
    for chunk in _chunks(rows):
        base = len(lines)
        lines.extend(line for line, _ in chunk)
        cells = [_fitted(row, columns.width, misshapen, base + i) for i, (_, row) in enumerate(chunk)]
        dates.add(_dates(cells, places["time"], columns.clock))
        symbols.add([row[places["symbol"]] for row in cells] if "symbol" in places else [""] * len(cells))
        for name in NUMBERS:
            column = [row[places[name]] for row in cells] if name in places else []
            values = _numbers(column, name, base, unreadable) if column else np.full(len(cells), np.nan)
            numbers[name].append(values)
    return RawTable(
        row=np.array(lines, dtype=np.int64),
        symbol=symbols.codes(),
        symbols=symbols.texts(),
        date=dates.codes(),
        dates=dates.texts(),
        numbers={name: np.concatenate(parts) for name, parts in numbers.items()},
        unreadable=unreadable,
        misshapen=misshapen,
        origin=np.zeros(len(lines), dtype=np.int32),
        has_symbols="symbol" in places,
        has_adj_close=columns.has_adj_close,
    )


def text_of(value: Any) -> str:
    """A cell as text: nothing as "", a date in ISO."""
    if value is None:
        return ""
    if isinstance(value, date):  # and datetime, which is one
        return value.isoformat()
    return str(value).strip()


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _fitted(row: Sequence[Any], width: int, misshapen: dict[int, str], index: int) -> Sequence[Any]:
    if len(row) == width:
        return row
    if any(text_of(cell) for cell in row[width:]):
        misshapen[index] = f"has {len(row)} columns, the header has {width}"
    return [*row[:width], *[""] * (width - len(row))]


def _dates(cells: list[Sequence[Any]], place: int, clock: int | None) -> list[Any]:
    if clock is None:
        return [row[place] for row in cells]
    return [f"{text_of(row[place])} {text_of(row[clock])}".strip() for row in cells]


def _numbers(column: list[Any], name: str, base: int, unreadable: dict[tuple[int, str], str]) -> NDArray[np.float64]:
    kinds = set(map(type, column))
    if kinds <= {str, float, int}:  # the common case in C; "_" is a digit separator to Python and to nobody else
        try:
            if kinds != {str} or "_" not in "".join(column):
                return np.fromiter(map(float, column), dtype=np.float64, count=len(column))
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
            unreadable[base + i, name] = text[:40]
    return values
