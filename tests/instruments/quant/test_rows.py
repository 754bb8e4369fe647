"""Every shape of file that people have, as a few rows of each."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from instruments.quant.ingest.checks import check
from instruments.quant.ingest.dates import iso
from instruments.quant.ingest.headers import NotBars, recognise
from instruments.quant.ingest.numbers import has_decimal_comma
from instruments.sources.files import read_file, symbol_in_name
from tests.instruments.files import checked, csv, daily

YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume\n1993-01-29,43.9,44.0,43.7,43.9,24.9,1003200\n"
SHAPES = {
    "yahoo": (YAHOO, "1993-01-29T00:00:00Z", 24.9, 1003200),
    "byte order mark": ("\ufeff" + YAHOO, "1993-01-29T00:00:00Z", 24.9, 1003200),
    "windows lines": (YAHOO.replace("\n", "\r\n"), "1993-01-29T00:00:00Z", 24.9, 1003200),
    "semicolons": (YAHOO.replace(",", ";"), "1993-01-29T00:00:00Z", 24.9, 1003200),
    "tabs": (YAHOO.replace(",", "\t"), "1993-01-29T00:00:00Z", 24.9, 1003200),
    "quotes": ('"Date","Open","High","Low","Close"\n"2020-01-02","2","3","1","2"\n', "2020-01-02T00:00:00Z", 2, 0),
    "open interest": (
        "Date,Open,High,Low,Close,Volume,OpenInt\n2005-02-25,19.9,20.1,19.8,20.1,318988,0\n",
        *("2005-02-25T00:00:00Z", 20.1, 318988),
    ),
    "stooq": (
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\nA.US,60,20200102,220000,2,3,1,2,5,0\n"
        "A.US,60,20200102,230000,2,3,1,2,5,0\n",
        *("2020-01-02T22:00:00Z", 2, 5),
    ),
    "month first": (
        "Date,Open,High,Low,Close,Adj Close,Volume\n1/4/1999,2,3,1,2,2,7\n1/29/1999,2,3,1,2,2,7\n"
        "2/1/1999,2,3,1,2,2,7\n",
        *("1999-01-04T00:00:00Z", 2, 7),
    ),
    "day first with milliseconds": (
        "Time,Open,High,Low,Close,Volume\n02.01.2017 22:00:00.000,2,3,1,2,7.5\n13.01.2017 22:00:00.000,2,3,1,2,7.5\n"
        "13.01.2017 23:00:00.000,2,3,1,2,7.5\n14.01.2017 00:00:00.000,2,3,1,2,7.5\n",
        *("2017-01-02T22:00:00Z", 2, 7.5),
    ),
    "newest first, epochs of two kinds": (
        "unix,date,symbol,open,high,low,close,Volume BTC,Volume USDT,tradecount\n"
        "1596506400000,2020-08-04 02:00:00,BTC/USDT,2,3,1,2,7,99,1\n"
        "1596502800.0,2020-08-04 01-AM,BTC/USDT,2,3,1,2,8,99,NULL\n",
        *("2020-08-04T01:00:00Z", 2, 8),
    ),
    "unnamed index": (",open,high,low,close\n2020-01-02,2,3,1,2\n", "2020-01-02T00:00:00Z", 2, 0),
    "numbered": (
        "timestamp,1. open,2. high,3. low,4. close,5. volume\n2020-01-02,2,3,1,2,9\n",
        *("2020-01-02T00:00:00Z", 2, 9),
    ),
    "french": (
        "Date;Ouverture;Plus haut;Plus bas;Clôture;Volume\n12/04/2012;1 103,42;1 103,5;1 102,1;1 103,25;1 234 567\n"
        "13/04/2012;1103,42;1103,5;1102,1;1103,25;1\n",
        *("2012-04-12T00:00:00Z", 1103.25, 1234567),
    ),
    "french, with a decimal point": (
        "symbole;date;ouv;haut;bas;clot;vol\nBNP;25/01/2012;30.5;31.5;30.25;30.5;100\n",
        *("2012-01-25T00:00:00Z", 30.5, 100),
    ),
    "quoted decimal commas": (
        'Date,Open,High,Low,Close\n2012-04-03,"1,5","2,5","1,25","2,125"\n',
        *("2012-04-03T00:00:00Z", 2.125, 0),
    ),
    "ticker first": (
        "Ticker,Date,Open,High,Low,Close,Volume,Adj Close\nAAPL,2000-03-01,118.5,132,118.4,130,9616100,4.2\n",
        *("2000-03-01T00:00:00Z", 4.2, 9616100),
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_it_reads_every_shape(shape: str, tmp_path: Path) -> None:
    text, first, adjusted, volume = SHAPES[shape]
    path = tmp_path / "some file.csv"
    path.write_text(text)
    table = read_file(path)
    found = check(table, symbol=None if table.has_symbols else "SPY")
    assert found.problems == ()
    (bars,) = found.bars.values()
    assert iso(int(bars.time[0])) == first
    assert bars.adj_close[0] == adjusted
    assert bars.volume[0] == volume
    assert (np.diff(bars.time) > 0).all()


def test_it_reads_what_windows_writes(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_bytes("Date;Ouverture;Plus Élevé;Plus bas;Clôture\n25/12/2012;1,5;2;1;1,75\n".encode("cp1252"))
    assert check(read_file(path), symbol="SPY").bars["SPY"].close.tolist() == [1.75]


def test_it_takes_the_columns_that_somebody_names(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text("Date,A,High,Low,Close,Volume,Code\n2020-01-02,2,3,1,2,7,SPY\n")
    with pytest.raises(NotBars, match="No column for open") as refusal:
        read_file(path)
    assert refusal.value.asks == "columns"
    found = check(read_file(path, {"open": "A", "volume": ""})).bars["SPY"]
    assert (found.open.tolist(), found.volume.tolist()) == ([2], [0])
    assert read_file(path, {"open": "A", "close": "of another file"}).numbers["close"].tolist() == [2]


@pytest.mark.parametrize(
    ("cells", "likely", "is_decimal"),
    [
        (["103,42", "1,234"], False, True),
        (["1,234", "2,345"], False, False),
        (["1,234", "2,345"], True, True),
        (["1,234.5", "2,3"], True, False),
        (["1,234,567"], True, False),
        (["103.42"], False, False),
        (["1.234,56", 7, None, ""], False, True),
    ],
)
def test_it_tells_a_decimal_comma(cells: list[object], likely: bool, is_decimal: bool) -> None:
    assert has_decimal_comma(cells, likely=likely) == is_decimal


def test_it_reads_gzip_whatever_the_name(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes(gzip.compress(csv(*daily(5)).encode()))
    assert len(read_file(path)) == 5


@pytest.mark.parametrize("kind", ["timestamp", "zone", "date", "text"])
def test_it_reads_parquet(kind: str, tmp_path: Path) -> None:
    days = np.arange("2020-01-06", "2020-01-11", dtype="datetime64[D]")
    dates = {
        "timestamp": pyarrow.array(days.astype("datetime64[ns]")),
        "zone": pyarrow.array(days.astype("datetime64[us]")).cast(pyarrow.timestamp("us", "UTC")),
        "date": pyarrow.array(days),
        "text": pyarrow.array(days.astype(str).tolist()),
    }
    prices = {name: [2.0, 2.0, 2.0, None, 2.0] for name in ("Open", "High", "Low", "Close")}
    path = tmp_path / "SPY.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"Date": dates[kind], **prices}), path)
    found = check(read_file(path), symbol="SPY")
    assert [iso(int(t))[:10] for t in found.bars["SPY"].time] == [
        "2020-01-06",
        "2020-01-07",
        "2020-01-08",
        "2020-01-10",
    ]
    assert [(p.row, p.reason) for p in found.problems] == [
        (4, "open is missing; high is missing; low is missing; close is missing")
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"date,open,high,low,close\n", "no rows"),
        (b"2020-01-02,1,2,3,4\n2020-01-03,1,2,3,4\n", "No column for the date"),
        (b"date,open,close\n2020-01-02,1,2\n", "No column for high, low"),
        (b"PK\x03\x04rubbish", "zip"),
        (b"\x1f\x8brubbish", "damaged"),
        (gzip.compress(b"date,open,high,low,close\n" * 999)[:-9], "damaged or cut off"),
        (b"PAR1rubbish", "Parquet file can't be read"),
        (gzip.compress(b"0" * 30_000_000), "Not a table of text"),
        (b"\xff\xfed\x00a\x00t\x00e\x00", "No column"),
    ],
)
def test_it_says_why_a_file_is_not_one_of_bars(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "SPY.csv"
    path.write_bytes(content)
    with pytest.raises(NotBars, match=says):
        check(read_file(path), symbol="SPY")


def test_it_counts_lines_as_an_editor_does() -> None:
    rows = daily(6)
    rows[3] = rows[3].replace("10.0", "x", 1)
    found = checked("\n" + csv(*rows[:2], "", *rows[2:]))
    assert [(p.row, p.reason) for p in found.problems] == [(7, "open 'x' is not a number")]


def test_it_finds_cells_too_many_and_too_few() -> None:
    found = checked(
        csv(*daily(3), "2020-01-04,10,11,9,10,100,SPY,oops", "2020-01-05,10,11", "2020-01-06,10,11,9,10,1,SPY,")
    )
    assert [(p.row, p.reason.split(";")[0]) for p in found.problems] == [
        (5, "has 8 columns, the header has 7"),
        (6, "the symbol is missing"),
    ]
    assert len(found.bars["SPY"]) == 4


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("SPY.csv", "SPY"),
        ("^GSPC.csv.gz", "^GSPC"),
        ("BTC-USD.parquet", "BTC-USD"),
        ("AAPL.US.txt", "AAPL.US"),
        ("data.csv", None),
        ("spy_daily_1993_2019.csv.gz", None),
        ("2020.csv", None),
    ],
)
def test_it_takes_a_symbol_from_a_file_that_is_named_after_one(name: str, symbol: str | None) -> None:
    assert symbol_in_name(Path(name)) == symbol


def test_it_prefers_the_plain_close_to_others() -> None:
    columns = recognise(["Last", "Date", "Open", "High", "Low", "Close", "Adj. Close", "Name"])
    assert columns.places["close"] == 5
    assert columns.places["adj_close"] == 6
    assert columns.places["symbol"] == 7
