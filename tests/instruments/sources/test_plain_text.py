"""What Arrow reads of a file in one go is what is read of it row by row, to the bit; the rest is left to that."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from instruments.quant.ingest.headers import recognise
from instruments.quant.ingest.rows import RawTable, read_rows
from instruments.sources.files import open_sheet
from instruments.sources.plain_text import plain_table

HEADER = "symbol,date,open,high,low,close,volume"
ROW = "SPY,2020-01-02,1.5,2,1,1.25,1e6"
numbers = st.sampled_from(
    ["1", "1.5", " 2 ", "5.", ".5", "1e3", "1e-320", "0.1", "9.123456789012345678", "nan", "inf", ""]
)
quoted = st.sampled_from(['"7"', '""', '" 8"', '"a""b"', '"1"2', '1"2', '"8', '"a\nb"', '"x,y"'])
odd = st.sampled_from(
    ["+3", "-4", "1e400", "0x1", "1_0", "-Infinity", "nan(1)", "null", "NA", "-", "1,5", "\t9", "9\xa0", "\0"]
)
texts = st.sampled_from(["SPY", " SPY", "é", "", "2020-01-02", " 2020-01-03 ", "20200102", "true"])
ordinary = st.tuples(texts | quoted, texts | quoted, *([numbers] * 5)).map(",".join)
strange = st.lists(numbers | quoted | odd | texts, min_size=6, max_size=8).map(",".join)
lines = st.one_of(ordinary, ordinary, ordinary, strange, st.sampled_from(["", " ", ROW]))


@given(st.lists(lines, max_size=12), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
@example([ROW, ROW], "\n", True)
@example([f'"SPY","2020-01-02",{"1," * 4}1'], "\r\n", False)
def test_a_row_is_what_it_is_row_by_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[str], end: str, last: bool
):
    path = tmp_path_factory.mktemp("plain") / "bars.csv"
    path.write_bytes((end.join([HEADER, *rows]) + (end if last else "")).encode())
    at_once, by_row = read_both(path)
    if at_once is not None:
        assert_same(at_once, by_row)


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n{ROW}\n",
        f"{HEADER}\r\n{ROW}\r\n{ROW}",
        f'\ufeff{HEADER}\n"SPY","2020-01-02","1.5",2,1,1.25,\n',
        f"\n\n{HEADER};more\n{ROW};x\n".replace(",", ";"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_usual_files_are_read_in_one_go(tmp_path: Path, text: str, packed: bool):
    path = tmp_path / "bars.csv"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    at_once, by_row = read_both(path)
    assert at_once is not None
    assert_same(at_once, by_row)


def read_both(path: Path) -> tuple[RawTable | None, RawTable]:
    with open_sheet(path) as sheet:
        assert sheet.plain is not None
        columns = recognise(sheet.header)
        return plain_table(sheet.plain, columns), read_rows(columns, sheet.rows)


def assert_same(a: RawTable, b: RawTable) -> None:
    for name in ("row", "surplus", "origin", "symbol", "date"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), strict=True)
    for name, values in b.numbers.items():
        np.testing.assert_array_equal(a.numbers[name], values, strict=True)
    for name in (
        "symbols",
        "dates",
        "unreadable",
        "texts",
        "width",
        "has_symbols",
        "has_adj_close",
        "has_decimal_comma",
    ):
        assert getattr(a, name) == getattr(b, name)
