"""Files of bars on disk or in a request: CSV, gzipped CSV, Parquet."""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from instruments.quant.ingest.headers import NotBars, recognise
from instruments.quant.ingest.rows import RawTable, Row, read_rows, text_of

_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"
_ENDINGS = re.compile(r"(\.(csv|txt|tsv|parquet|pq|gz))+$", re.IGNORECASE)


def read_file(path: Path) -> RawTable:
    """The rows of a file, recognised by what it holds, not by its name. Raises NotBars."""
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
        if start == _PARQUET:
            return _read_parquet(path)
        if start == _ZIP:
            raise NotBars("A zip archive or spreadsheet. Unpack it, or save it as CSV.")
        with gzip.open(path, "rb") if start[:2] == _GZIP else path.open("rb") as stream:
            return read_csv(io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline=""))
    except FileNotFoundError:
        raise NotBars("There is no such file.") from None
    except IsADirectoryError:
        raise NotBars("A folder, not a file: name the files in it.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise NotBars("The compressed file is damaged or cut off.") from None
    except OSError as error:
        raise NotBars(f"The file can't be read: {error.strerror}.") from None


def read_csv(lines: Iterable[str]) -> RawTable:
    """Rows of text separated by commas, semicolons, tabs or bars, below a header. Raises NotBars."""
    iterator = iter(lines)
    above, header = next(((i, line) for i, line in enumerate(iterator, start=1) if line.strip()), (0, ""))
    if not header:
        raise NotBars("The file is empty.")
    sign = max(",;\t|", key=header.count)
    try:
        names = next(csv.reader([header], delimiter=sign))
        return read_rows(recognise(names), _numbered(iterator, sign, above))
    except csv.Error as error:
        raise NotBars(f"Not a table of text: {error}.") from None


def symbol_in_name(path: Path) -> str | None:
    """The symbol that a file is named after, as SPY in SPY.csv.gz: capitals only, so that `data.csv` is none."""
    stem = _ENDINGS.sub("", path.name)
    return stem if re.fullmatch(r"\^?[A-Z][A-Z0-9.=\-]{0,11}", stem) else None


def _numbered(lines: Iterator[str], sign: str, above: int) -> Iterator[Row]:
    """Rows with their line in the file, of which `above` lines were read already."""
    reader = csv.reader(lines, delimiter=sign)
    for cells in reader:
        if cells:
            yield reader.line_num + above, cells


def _read_parquet(path: Path) -> RawTable:
    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, ValueError) as error:
        raise NotBars(f"The Parquet file can't be read: {str(error).splitlines()[0][:200]}") from None
    columns = [_plain(column) for column in table.columns]
    return read_rows(recognise(table.column_names), enumerate(zip(*columns, strict=True), start=1))


def _plain(column: Any) -> list[Any]:
    """Cells as Python objects; times without their nanoseconds, which datetime hasn't got and bars don't need."""
    if pyarrow.types.is_timestamp(column.type):
        column = column.cast(pyarrow.timestamp("us", column.type.tz), safe=False)
        coded = column.combine_chunks().dictionary_encode()
        known = [text_of(value) for value in coded.dictionary.to_pylist()]
        return ["" if code is None else known[code] for code in coded.indices.to_pylist()]
    cells: list[Any] = column.to_pylist()
    return cells
