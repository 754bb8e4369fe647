"""Files of bars on disk or in a request: CSV, gzipped CSV, Parquet."""

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow
import pyarrow.parquet

from instruments.quant.ingest.checks import require_some_good
from instruments.quant.ingest.headers import Columns, NotBars, recognise
from instruments.quant.ingest.rows import CHUNK, RawTable, Row, read_rows, text_of
from instruments.sources.plain_text import PlainText, plain_table

_GZIP, _PARQUET, _ZIP = b"\x1f\x8b", b"PAR1", b"PK\x03\x04"
_UTF8 = "utf-8-sig"
_SNIFFED = 65_536  # bytes from which the encoding is told
_LONGEST = 1_000_000  # characters of a line
_ROWS, _COLUMNS, _UNPACKED = 20_000_000, 1_000, 2 * 10**9  # of a Parquet file: a few kB can hold any number of them
_ENDINGS = re.compile(r"(\.(csv|txt|tsv|parquet|pq|gz))+$", re.IGNORECASE)


@dataclass(frozen=True)
class Sheet:
    """A table of cells as its file has them: the names of its columns, then rows with their number. `plain`: where it
    is text that may be read in one go."""

    header: list[str]
    rows: Iterator[Row]
    plain: PlainText | None = None


@contextmanager
def open_sheet(path: Path) -> Iterator[Sheet]:
    """A file's cells, recognised by what it holds, not by its name. Raises NotBars, also while its rows are read."""
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
        if start == _PARQUET:
            yield from _parquet_sheet(path)
            return
        if start == _ZIP:
            raise NotBars("A zip archive or spreadsheet. Unpack it, or save it as CSV.")

        def opened() -> BinaryIO:
            return cast("BinaryIO", gzip.open(path, "rb")) if start[:2] == _GZIP else path.open("rb")

        with closing(opened()) as unpacked:
            encoding = _encoding(unpacked.read(_SNIFFED))
            unpacked.seek(0)
            lines = _lines(io.TextIOWrapper(unpacked, encoding=encoding, errors="replace", newline=""))
            yield csv_sheet(lines, opened=opened if encoding == _UTF8 else None)
    except FileNotFoundError:
        raise NotBars("There is no such file.") from None
    except IsADirectoryError:
        raise NotBars("A folder, not a file: name the files in it.") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise NotBars("The compressed file is damaged or cut off.") from None
    except OSError as error:
        raise NotBars(f"The file can't be read: {error.strerror}.") from None
    except csv.Error as error:
        raise NotBars(f"Not a table of text: {error}.") from None


def read_file(path: Path, chosen: Mapping[str, str] | None = None) -> RawTable:
    """The rows of a file; `chosen` says which column is what, as `recognise` takes it. Raises NotBars."""
    with open_sheet(path) as sheet:
        columns = recognise(sheet.header, chosen)
        return read_plain(sheet, columns) or read_rows(columns, sheet.rows, probe=require_some_good)


def read_plain(sheet: Sheet, columns: Columns) -> RawTable | None:
    """The rows of a sheet that is plain text; None where it isn't. Raises NotBars."""
    table = plain_table(sheet.plain, columns) if sheet.plain else None
    if table is not None and len(table) >= CHUNK:
        require_some_good(table.head(CHUNK))
    return table


def read_csv(lines: Iterable[str]) -> RawTable:
    """Rows of text separated by commas, semicolons, tabs or bars, below a header. Raises NotBars."""
    try:
        sheet = csv_sheet(lines)
        return read_rows(recognise(sheet.header), sheet.rows, probe=require_some_good)
    except csv.Error as error:
        raise NotBars(f"Not a table of text: {error}.") from None


def csv_sheet(lines: Iterable[str], *, opened: Callable[[], BinaryIO] | None = None) -> Sheet:
    """`opened`: the bytes of the same lines in UTF-8, from the start. Raises NotBars where there is no header,
    csv.Error where one can't be read."""
    iterator = iter(lines)
    above, header = next(((i, line) for i, line in enumerate(iterator, start=1) if line.strip()), (0, ""))
    if not header:
        raise NotBars("The file is empty.")
    sign = max(",;\t|", key=header.count)
    plain = PlainText(opened, sign, above) if opened else None
    return Sheet(next(csv.reader([header], delimiter=sign)), _numbered(iterator, sign, above), plain)


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


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Lines, cut where one is too long for any table: a file of zeros would else be read as a single one."""
    return iter(lambda: text.readline(_LONGEST), "")


def _encoding(start: bytes) -> str:
    """UTF-8, or what Windows writes in western Europe: the names of columns have accents in French files."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return "cp1252"
    return _UTF8


def _parquet_sheet(path: Path) -> Iterator[Sheet]:
    try:
        metadata = pyarrow.parquet.read_metadata(path)
        _require_bearable(metadata)
        schema = metadata.schema.to_arrow_schema()
        for column in schema:
            if pyarrow.types.is_nested(column.type):
                raise NotBars(f"The column {column.name[:40]!r} has several values in a cell. Leave it out.")
        texts = [column.name for column in schema if column.type in (pyarrow.string(), pyarrow.large_string())]
        with pyarrow.parquet.ParquetFile(path, metadata=metadata, read_dictionary=texts) as file:
            yield Sheet(list(schema.names), enumerate(_parquet_rows(file), start=1))
    except MemoryError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise NotBars(f"The Parquet file can't be read: {reason}") from None


def _require_bearable(metadata: Any) -> None:
    """By the word of the file, before any of it is unpacked. Raises NotBars."""
    unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    for count, most, what in (
        (metadata.num_columns, _COLUMNS, "columns"),
        (metadata.num_rows, _ROWS, "rows"),
        (unpacked, _UNPACKED, "bytes unpacked"),
    ):
        if count > most:
            raise NotBars(f"The Parquet file has {count:,} {what}; {most:,} are the most. Split it.")


def _parquet_rows(file: Any) -> Iterator[tuple[Any, ...]]:
    for batch in file.iter_batches(CHUNK, use_threads=False):
        yield from zip(*(_plain(column) for column in batch.columns), strict=True)


def _plain(column: Any) -> list[Any]:
    """Cells as Python objects; times without their nanoseconds, which datetime hasn't got and bars don't need."""
    if pyarrow.types.is_timestamp(column.type):
        coded = column.cast(pyarrow.timestamp("us", column.type.tz), safe=False).dictionary_encode()
        known = [text_of(value) for value in coded.dictionary.to_pylist()]
        return ["" if code is None else known[code] for code in coded.indices.to_pylist()]
    if pyarrow.types.is_dictionary(column.type):  # each text once, however many cells have it
        codes = column.indices.to_pylist()
        texts = {code: column.dictionary[code].as_py() for code in set(codes) - {None}}
        return [texts.get(code) for code in codes]
    cells: list[Any] = column.to_pylist()
    return cells
