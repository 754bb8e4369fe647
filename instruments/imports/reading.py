"""One file of an upload read for its report, without Django: what a process of its own does."""

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from instruments.imports.schema import BadRow, FileReading, Preview, ReadingOptions, ReasonCount, Span, StagedReading
from instruments.quant.bars import Bars
from instruments.quant.ingest.checks import Checked, check, require_some_good
from instruments.quant.ingest.dates import day_in_words, iso
from instruments.quant.ingest.headers import NUMBERS, NotBars, find_places, recognise
from instruments.quant.ingest.rows import RawTable, Row, read_rows, text_of
from instruments.sources.files import Sheet, open_sheet, read_plain, symbol_in_name

Matrix = NDArray[np.float64]
COLUMNS = ("time", *NUMBERS)  # as Bars has them
_SHOWN = 5  # rows at each end
_WIDEST = 30  # columns
_CELL = 40  # characters


class _Ends:
    """The header, and the first and last rows that pass by."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.header: list[str] = []
        self.first: list[Row] = []
        self.last: deque[Row] = deque(maxlen=_SHOWN)

    def watch(self, rows: Iterator[Row]) -> Iterator[Row]:
        for row in islice(rows, _SHOWN):
            self.first.append(row)
            yield row
        for row in rows:
            self.last.append(row)
            yield row

    def preview(self) -> Preview:
        first, last = ([_texts(row) for _, row in rows] for rows in (self.first, self.last))
        return Preview(self.name, _texts(self.header), first, last)


def read_upload(path: Path, name: str, options: ReadingOptions) -> tuple[StagedReading, dict[str, Bars]]:
    """What the file at `path`, uploaded as `name`, holds. What can't be used is told, never raised."""
    ends, columns = _Ends(name), dict[str, str]()
    try:
        with open_sheet(path) as sheet:
            ends.header = [str(column) for column in sheet.header]
            columns |= {field: ends.header[place] for field, place in find_places(ends.header, options.columns).items()}
            table = _table(ends, sheet, options.columns)
        symbol = options.symbol or (None if table.has_symbols else symbol_in_name(Path(name)))
        checked = check(table, symbol=symbol, timeframe=options.timeframe or None, date_order=options.date_order)
    except NotBars as reason:
        refused = FileReading(name, columns, str(reason), reason.asks)
        return StagedReading(refused, ends.preview()), {}
    return _staged(checked, ends, columns, table.has_decimal_comma), checked.bars


def matrix_of(bars: dict[str, Bars]) -> Matrix:
    """(7, n): a row for each of COLUMNS, all symbols one after the other. `bars_of` takes it apart."""
    rows = [np.concatenate([np.zeros(0), *(getattr(part, name) for part in bars.values())]) for name in COLUMNS]
    return np.vstack(rows)


def bars_of(spans: list[Span], matrix: Matrix) -> Iterator[tuple[Span, Bars]]:
    """Each symbol's bars."""
    whole, start = Bars(matrix[0].astype(np.int64), *matrix[1:]), 0
    for span in spans:
        yield span, whole.slice(start, start + span.rows)
        start += span.rows


def _table(ends: _Ends, sheet: Sheet, chosen: Mapping[str, str]) -> RawTable:
    rows = ends.watch(sheet.rows)
    try:
        columns = recognise(ends.header, chosen)
    except NotBars:
        deque(islice(rows, _SHOWN), maxlen=0)  # shown, so that a person can say which column is what
        raise
    if sheet.plain is None or (table := read_plain(sheet, columns)) is None:
        return read_rows(columns, rows, probe=require_some_good)
    deque(islice(rows, _SHOWN), maxlen=0)
    more = min(_SHOWN, max(0, len(table) - _SHOWN))
    ends.last.extend(enumerate(sheet.plain.last_rows(more), start=len(table) - more))
    return table


def _staged(checked: Checked, ends: _Ends, columns: dict[str, str], is_comma: bool) -> StagedReading:
    spans = [
        Span(symbol, len(bars), iso(int(bars.time[0])), iso(int(bars.time[-1])))
        for symbol, bars in checked.bars.items()
    ]
    times = [int(bars.time[end]) for bars in checked.bars.values() for end in (0, -1)]
    reading = FileReading(
        file=ends.name,
        columns=columns,
        asks="date_order" if checked.two_ways else "",
        timeframe=checked.timeframe,
        read=checked.read,
        good=sum(span.rows for span in spans),
        rejected=checked.rejected,
        duplicates=checked.duplicates,
        date_order=checked.date_order,
        decimal_comma=is_comma,
        first_in_words=day_in_words(min(times)) if times else "",
        last_in_words=day_in_words(max(times)) if times else "",
        reasons=[ReasonCount(reason.reason, reason.rows, reason.first_line) for reason in checked.reasons],
    )
    problems = [BadRow(ends.name, p.row, p.symbol, p.timestamp, p.reason) for p in checked.problems]
    return StagedReading(reading, ends.preview(), spans, problems, checked.bad)


def _texts(row: object) -> list[str]:
    return [text_of(cell)[:_CELL] for cell in islice(row, _WIDEST)]  # type: ignore[call-overload]  # a row of any kind
