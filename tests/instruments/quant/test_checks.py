from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.quant.ingest.checks import BadRows, check, join_tables
from instruments.quant.ingest.dates import iso
from instruments.quant.ingest.headers import NotBars
from instruments.quant.ingest.rows import CHUNK, LISTED
from instruments.sources.files import read_csv
from tests.instruments.files import checked, csv, daily


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2020-02-01,,11,9,10,1,SPY", "open is missing"),
        ("2020-02-01,10,NaN,9,10,1,SPY", "high is missing"),
        ("2020-02-01,10,inf,9,10,1,SPY", "high is not finite"),
        ("2020-02-01,10,1e400,9,10,1,SPY", "high is not finite"),
        ("2020-02-01,10,11,0,10,1,SPY", "low is not above zero"),
        ("2020-02-01,10,11,-9,10,1,SPY", "low is not above zero"),
        ("2020-02-01,10,1_1,9,10,1,SPY", "high '1_1' is not a number"),
        ("2020-02-01,10,true,9,10,1,SPY", "high 'true' is not a number"),
        ("2020-02-01,12,11,9,10,1,SPY", "high 11.0 is below open 12.0"),
        ("2020-02-01,10,11,9,8,1,SPY", "low 9.0 is above close 8.0"),
        ("2020-02-01,10,11,9,10,-1,SPY", "volume is below zero"),
        ("2020-02-01,10,11,9,10,inf,SPY", "volume is not finite"),
        ("2020-02-01,10,11,9,10,many,SPY", "volume 'many' is not a number"),
        ("someday,10,11,9,10,1,SPY", "the date 'someday' can't be read"),
        (",10,11,9,10,1,SPY", "the date is missing"),
        ("2020-02-01,10,11,9,10,1,S&P", "the symbol 'S&P' has characters other"),
        ("2020-02-01,10,11,9,10,1,../A", "the symbol '../A' has .. or // in it"),
        ("2020-02-01,10,11,9,10,1,BTC//USDT", "the symbol 'BTC//USDT' has .. or // in it"),
        ("2020-02-01,10,11,9,10,1,", "the symbol is missing"),
    ],
)
def test_it_finds_what_is_bad(row: str, reason: str) -> None:
    found = checked(csv(*daily(3), row))
    (problem,) = found.problems
    assert problem.row == 5
    assert problem.reason.startswith(reason)
    assert (found.read, found.rejected, found.duplicates) == (4, 1, 0)


def test_it_takes_a_missing_volume_for_zero() -> None:
    found = checked(csv("2020-01-01,10,11,9,10,,SPY", "2020-01-02,10,11,9,10,nan,SPY"))
    assert found.problems == ()
    assert found.bars["SPY"].volume.tolist() == [0, 0]


def test_it_does_not_invent_an_adjusted_close_that_is_missing() -> None:
    header = "date,open,high,low,close,adj_close"
    found = checked(csv("2020-01-01,10,11,9,10,5", "2020-01-02,10,11,9,10,", header=header), symbol="SPY")
    assert [p.reason for p in found.problems] == ["adj_close is missing"]


def test_it_tells_duplicates_from_rows_that_disagree() -> None:
    a, b = "2020-01-01,10,11,9,10,100,SPY", "2020-01-01,10,11,9,10.5,100,SPY"
    found = checked(csv(a, b, a, *daily(2, first=2)))
    assert (found.read, found.rejected, found.duplicates) == (5, 1, 1)
    assert found.bars["SPY"].close[0] == 10  # the last one wins
    assert [(p.row, p.reason) for p in found.problems] == [(3, "disagrees with line 4 about the same bar")]


def test_it_counts_a_loser_told_twice_as_one_disagreement() -> None:
    a, b = "2020-01-01,10,11,9,10,100,SPY", "2020-01-01,10,11,9,10.5,100,SPY"
    found = checked(csv(a, a, b))
    assert (found.rejected, found.duplicates) == (1, 1)
    assert found.bars["SPY"].close.tolist() == [10.5]


def test_it_keeps_symbols_apart() -> None:
    found = checked(csv(*daily(3, symbol="A"), *daily(4, symbol="BTC/USDT", price=20)))
    assert {symbol: len(bars) for symbol, bars in found.bars.items()} == {"A": 3, "BTC/USDT": 4}
    assert found.bars["BTC/USDT"].close.tolist() == [20] * 4


def test_it_stores_a_daily_bar_under_the_day_its_source_names() -> None:
    rows = [f"2020-01-{day:02} 00:00:00-05:00,10,11,9,10,1,SPY" for day in (2, 3, 6)]
    bars = checked(csv(*rows)).bars["SPY"]
    assert [iso(int(t)) for t in bars.time] == ["2020-01-02T00:00:00Z", "2020-01-03T00:00:00Z", "2020-01-06T00:00:00Z"]


def hours(step: int, count: int, symbol: str = "SPY") -> list[str]:
    return [f"{1577923200 + i * step},10,11,9,10,1,{symbol}" for i in range(count)]


@pytest.mark.parametrize(
    ("step", "timeframe"), [(3600, "1h"), (4 * 3600, "4h"), (86400, "1d"), (3 * 86400, "1d"), (7 * 86400, "1w")]
)
def test_it_tells_the_timeframe_from_the_spacing(step: int, timeframe: str) -> None:
    assert checked(csv(*hours(step, 9))).timeframe == timeframe


@pytest.mark.parametrize("step", [300, 1800, 2 * 3600, 12 * 3600, 30 * 86400])
def test_it_refuses_a_spacing_that_is_no_timeframe(step: int) -> None:
    with pytest.raises(NotBars, match="none of 1h, 4h, 1d, 1w"):
        checked(csv(*hours(step, 9)))


def test_it_refuses_a_named_timeframe_that_does_not_fit() -> None:
    with pytest.raises(NotBars, match="1h doesn't fit: the bars are 1 day apart, as for 1d"):
        checked(csv(*daily(5)), timeframe="1h")


def test_it_refuses_symbols_of_different_timeframes() -> None:
    with pytest.raises(NotBars, match="different timeframes"):
        checked(csv(*hours(3600, 60, "A"), *hours(86400, 30, "B")))


def test_it_needs_the_timeframe_of_a_single_bar_within_the_day() -> None:
    row = "2020-01-02 15:00,10,11,9,10,1,SPY"
    with pytest.raises(NotBars, match="doesn't tell the timeframe: name it") as refusal:
        checked(csv(row))
    assert refusal.value.asks == "timeframe"
    assert checked(csv(row), timeframe="1h").timeframe == "1h"
    assert checked(csv(row.replace(" 15:00", ""))).timeframe == "1d"


def test_it_needs_a_symbol_from_somewhere() -> None:
    text = csv("2020-01-02,10,11,9,10", header="date,open,high,low,close")
    with pytest.raises(NotBars, match="name the instrument") as refusal:
        checked(text)
    assert refusal.value.asks == "symbol"
    assert list(checked(text, symbol="SPY").bars) == ["SPY"]


def test_it_does_not_put_many_symbols_into_one() -> None:
    with pytest.raises(NotBars, match="2 symbols"):
        checked(csv(*daily(2, symbol="A"), *daily(2, symbol="B")), symbol="SPY")


def test_it_lets_a_later_table_win_and_counts_it() -> None:
    first = read_csv(csv(*daily(3)).splitlines(keepends=True))
    second = read_csv(csv(*daily(1, first=3, price=30), *daily(2, first=4, price=30)).splitlines(keepends=True))
    found = check(join_tables([first, second]))
    assert found.problems == ()
    assert (found.read, found.rejected, found.overruled) == (6, 1, 1)
    assert found.bars["SPY"].close.tolist() == [10, 10, 30, 30, 30]


CELLS = st.sampled_from(["10", "10", "10", "11", "9", "0", "-1", "", "NaN", "inf", "1_0", "x", "1e400"])
ROWS = st.tuples(
    st.sampled_from(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-03 00:00", "03/04/2020", "", "x"]),
    *[CELLS] * 5,
    st.sampled_from(["A", "A", "B", "", "A B"]),
)


@given(st.lists(ROWS, min_size=1, max_size=40))
def test_it_accounts_for_every_row(rows: list[Any]) -> None:
    found = checked(csv(*map(",".join, rows)))
    stored = sum(map(len, found.bars.values()))
    assert found.read == len(rows) == stored + found.rejected + found.duplicates
    assert len(found.problems) == found.rejected
    for bars in found.bars.values():
        assert len(set(bars.time.tolist())) == len(bars)
        assert (bars.low > 0).all()
        assert (bars.high >= bars.open).all() and (bars.low <= bars.close).all()


@given(
    st.lists(
        st.tuples(*[st.floats(min_value=1e-6, max_value=1e9)] * 4, st.floats(min_value=0, max_value=1e15)),
        min_size=2,
        max_size=20,
    )
)
def test_it_reads_back_the_very_numbers(rows: list[tuple[float, ...]]) -> None:
    bars = [(max(p), min(p), p[0], p[1], v) for *p, v in rows]
    text = csv(
        *(f"{1577923200 + i * 86400},{o!r},{h!r},{low!r},{c!r},{v!r},SPY" for i, (h, low, o, c, v) in enumerate(bars))
    )
    found = checked(text).bars["SPY"]
    assert list(zip(found.high, found.low, found.open, found.close, found.volume, strict=True)) == bars


def test_it_lists_the_first_bad_rows_and_counts_all_by_reason() -> None:
    found = checked(csv(*daily(3), *["2020-02-01,x,11,9,10,1,SPY"] * LISTED, "2020-02-02,10,11,9,10,-1,SPY"))
    assert (len(found.problems), found.bad, found.rejected) == (LISTED, LISTED + 1, LISTED + 1)
    assert found.problems[-1].reason == "open 'x' is not a number"
    assert found.reasons == (
        BadRows("open is not a number", LISTED, 5),
        BadRows("volume is below zero", 1, LISTED + 5),
    )


def test_it_refuses_a_file_whose_first_rows_are_all_bad() -> None:
    rubbish = [f"2020-02-01,{i + 1},,,,,SPY" for i in range(CHUNK)]
    with pytest.raises(NotBars, match=r"The first 10,000 rows are all bad\. The first, line 2: high is missing"):
        checked(csv(*rubbish))
    assert checked(csv(*daily(2), *rubbish)).bad == CHUNK
    assert checked(csv(*rubbish[1:], *daily(2))).bad == CHUNK - 1


def test_it_does_not_take_dates_without_a_witness_for_rubbish() -> None:
    rows = [f"0{1 + i % 9}/0{1 + i // 9 % 9}/{1900 + i // 81},10,11,9,10,1,SPY" for i in range(CHUNK)]
    with pytest.raises(NotBars, match="say which number is the month") as refusal:
        checked(csv(*rows))
    assert refusal.value.asks == "date_order"
    assert check(read_csv(csv(*rows).splitlines(keepends=True)), date_order="day").bad == 0


def test_it_counts_dates_that_could_be_read_in_two_ways() -> None:
    rows = ["2012-04-02,10,11,9,10,1,SPY", *(f"0{day}/04/2012,10,11,9,10,1,SPY" for day in (3, 4, 5))]
    found = checked(csv(*rows))
    assert (found.date_order, found.two_ways, found.bad) == ("", 2, 2)  # 04/04 is 4 April either way
    found = check(read_csv(csv(*rows).splitlines(keepends=True)), date_order="month")
    assert [iso(int(time))[:10] for time in found.bars["SPY"].time] == [
        *("2012-03-04", "2012-04-02", "2012-04-04", "2012-05-04"),
    ]
