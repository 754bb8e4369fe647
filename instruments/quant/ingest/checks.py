"""Rows as read to bars that may be stored: what is bad, what is told twice, what disagrees."""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.ingest.dates import Moments, iso, read_moments
from instruments.quant.ingest.headers import NUMBERS, PRICES, NotBars
from instruments.quant.ingest.rows import LISTED, RawTable
from instruments.quant.ingest.timeframe import timeframe_of

SPELLED = re.compile(r"[A-Za-z0-9.^=\-_/]{1,32}")  # what a symbol may be that was stored before there was a rule
SYMBOL = re.compile(rf"(?!.*(?:\.\.|//)){SPELLED.pattern}")  # of a new one: in a path `..` and `//` mean something else
Mask = NDArray[np.bool_]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Problem:
    """A row that is bad; `row` is its line in the file (the header is line 1)."""

    row: int
    symbol: str
    timestamp: str
    reason: str


@dataclass(frozen=True)
class BadRows:
    """How many rows are bad for a reason, and the line of the first. A row may be so for several."""

    reason: str
    rows: int
    first_line: int


@dataclass(frozen=True)
class Fault:
    """A reason in general, the rows that it is true of, and what it says of one of them."""

    reason: str
    rows: Mask
    text: Callable[[int], str]


@dataclass(frozen=True)
class Checked:
    """What a file holds. read = rows of all `bars` + rejected + duplicates.

    `overruled` counts rows of an earlier table that a later one contradicts: rejected, but nobody's mistake. Of the
    `bad` rows `problems` has the first LISTED, `reasons` counts all. `date_order` and `two_ways`: as Moments have them,
    the latter as a number of rows.
    """

    timeframe: str
    bars: dict[str, Bars]
    read: int
    rejected: int
    duplicates: int
    overruled: int
    bad: int
    problems: tuple[Problem, ...]
    reasons: tuple[BadRows, ...]
    date_order: str
    two_ways: int


def join_tables(tables: list[RawTable]) -> RawTable:
    """Several tables as one, in their order; where they disagree about a bar a later one wins."""
    symbols = {text: i for i, text in enumerate(dict.fromkeys(text for table in tables for text in table.symbols))}
    dates = {text: i for i, text in enumerate(dict.fromkeys(text for table in tables for text in table.dates))}
    starts = np.cumsum([0, *(len(table) for table in tables)]).tolist()
    numbers = {name: np.concatenate([table.numbers[name] for table in tables]) for name in NUMBERS}
    with_adjusted = any(table.has_adj_close for table in tables)
    for table, start in zip(tables, starts, strict=False):
        if with_adjusted and not table.has_adj_close:
            numbers["adj_close"][start : start + len(table)] = table.numbers["close"]
    return RawTable(
        row=np.concatenate([table.row for table in tables]),
        symbol=np.concatenate([_recode(table.symbol, table.symbols, symbols) for table in tables]),
        symbols=tuple(symbols),
        date=np.concatenate([_recode(table.date, table.dates, dates) for table in tables]),
        dates=tuple(dates),
        numbers=numbers,
        unreadable={name: np.concatenate([_unreadable(table, name) for table in tables]) for name in NUMBERS},
        texts={(i + s, name): v for t, s in zip(tables, starts, strict=False) for (i, name), v in t.texts.items()},
        surplus=np.concatenate([table.surplus for table in tables]),
        width=max(table.width for table in tables),
        origin=np.repeat(np.arange(len(tables), dtype=np.int32), [len(table) for table in tables]),
        has_symbols=any(table.has_symbols for table in tables),
        has_adj_close=with_adjusted,
        has_decimal_comma=any(table.has_decimal_comma for table in tables),
    )


def require_some_good(table: RawTable) -> None:
    """Raises NotBars where every row is bad, whatever the symbol is and whichever number of a date is the month."""
    faults = list(_faults(_filled(table), read_moments(table.dates, order="day"), None))
    if _any(faults, len(table)).all():
        reasons = "; ".join(fault.text(0) for fault in faults if fault.rows[0])
        raise NotBars(f"The first {len(table):,} rows are all bad. The first, line {table.row[0]}: {reasons}.")


def check(
    table: RawTable,
    *,
    symbol: str | None = None,
    timeframe: str | None = None,
    date_order: str = "",
    stored: Collection[str] = (),
) -> Checked:
    """Every row judged. `symbol` names the instrument of a table that has no such column, or has one symbol in it;
    `date_order` (day, month) is which number comes first in dates that nothing else tells it of; `stored` symbols are
    no new ones, and may hold what a new one may not.

    Raises NotBars when the whole can't be used: no rows, no symbol, a spacing that is no timeframe.
    """
    if len(table) == 0:
        raise NotBars("There is a header but no rows below it.")
    table = _filled(_named(table, symbol))
    moments = read_moments(table.dates, order=date_order)
    faults = list(_faults(table, moments, stored))
    good_rows = np.flatnonzero(~_any(faults, len(table)))
    utc = moments.utc[table.date]
    inferred = _timeframe(table.symbol[good_rows], utc[good_rows], timeframe, moments)
    time = moments.day[table.date] if inferred in ("1d", "1w") else utc
    chosen, duplicates, losers, winners = _settle_doubles(table, time, good_rows)
    is_overruled = table.origin[losers] < table.origin[winners]
    faults += _disagreement(table, losers[~is_overruled], winners[~is_overruled])
    bad_rows = np.flatnonzero(_any(faults, len(table)))
    return Checked(
        timeframe=inferred,
        bars=dict(_by_symbol(table, time, chosen)),
        read=len(table),
        rejected=len(table) - len(chosen) - duplicates,
        duplicates=duplicates,
        overruled=int(is_overruled.sum()),
        bad=len(bad_rows),
        problems=tuple(_problem(table, moments, time, index, faults) for index in bad_rows[:LISTED].tolist()),
        reasons=tuple(_bad_rows(table, fault) for fault in faults),
        date_order=moments.order,
        two_ways=int(moments.two_ways[table.date].sum()),
    )


def _timeframe(symbol: NDArray[np.int32], utc: NDArray[np.int64], named: str | None, moments: Moments) -> str:
    """Of the good rows. Where dates were not read, what is left may be far apart: that is no fault of the file's."""
    try:
        return timeframe_of(symbol, utc, named) if len(symbol) else named or "1d"
    except NotBars:
        if not moments.two_ways.any():
            raise
        raise NotBars(
            "Its dates could be read in two ways, and no other date tells: say which number is the month.",
            asks="date_order",
        ) from None


def _filled(table: RawTable) -> RawTable:
    """Without a column of adjusted closes the close stands for it; a missing volume is 0."""
    numbers = table.numbers
    return replace(
        table,
        numbers={
            **numbers,
            "volume": np.where(np.isnan(numbers["volume"]), 0.0, numbers["volume"]),
            "adj_close": numbers["adj_close"] if table.has_adj_close else numbers["close"],
        },
    )


def _named(table: RawTable, symbol: str | None) -> RawTable:
    symbols = [text for text in table.symbols if text]
    if symbol is None:
        if not table.has_symbols:
            raise NotBars("There is no symbol or ticker column: name the instrument.", asks="symbol")
        return table
    if len(symbols) > 1:
        raise NotBars(
            f"There are {len(symbols)} symbols in it ({', '.join(symbols[:5])}{', …' if len(symbols) > 5 else ''}), "
            f"which can't all be {symbol}. Name no symbol to import each under its own."
        )
    return replace(table, symbols=(symbol,), symbol=np.zeros(len(table), dtype=np.int32))


def _recode(codes: NDArray[np.int32], texts: tuple[str, ...], target: dict[str, int]) -> NDArray[np.int32]:
    return np.array([target[text] for text in texts], dtype=np.int32)[codes]


def _unreadable(table: RawTable, name: str) -> Mask:
    return table.unreadable.get(name, np.zeros(len(table), dtype=np.bool_))


def _any(faults: list[Fault], rows: int) -> Mask:
    bad = np.zeros(rows, dtype=np.bool_)
    for fault in faults:
        bad |= fault.rows
    return bad


def _faults(table: RawTable, moments: Moments, stored: Collection[str] | None) -> Iterator[Fault]:
    """What is wrong, one reason at a time; only reasons that some row has. Symbols aren't looked at where `stored` is
    None."""
    return (fault for fault in _possible_faults(table, moments, stored) if fault.rows.any())


def _possible_faults(table: RawTable, moments: Moments, stored: Collection[str] | None) -> Iterator[Fault]:
    yield Fault(
        "more columns than the header",
        table.surplus > 0,
        lambda i: f"has {table.surplus[i]} columns, the header has {table.width}",
    )
    if stored is not None:
        symbols = ["" if text in stored else _symbol_fault(text) for text in table.symbols]
        is_bad = np.array([bool(fault) for fault in symbols])
        yield Fault("no symbol, or an odd one", is_bad[table.symbol], lambda i: symbols[table.symbol[i]])
    dates = moments.reasons
    is_unread = np.array([bool(reason) for reason in dates]) & ~moments.two_ways
    yield Fault("a date that can't be read", is_unread[table.date], lambda i: dates[table.date[i]])
    yield Fault("a date that could be read in two ways", moments.two_ways[table.date], lambda i: dates[table.date[i]])
    for name, unreadable in table.unreadable.items():
        yield Fault(f"{name} is not a number", unreadable, partial(_number_fault, table, name))
    for name in (*PRICES, "adj_close") if table.has_adj_close else PRICES:
        values, readable = table.numbers[name], ~_unreadable(table, name)
        yield _plain_fault(f"{name} is missing", np.isnan(values) & readable)
        yield _plain_fault(f"{name} is not finite", np.isinf(values))
        yield _plain_fault(f"{name} is not above zero", np.isfinite(values) & (values <= 0))
    yield _plain_fault("volume is below zero", table.numbers["volume"] < 0)
    yield _plain_fault("volume is not finite", np.isinf(table.numbers["volume"]))
    yield from _order_faults(table.numbers)


def _order_faults(numbers: dict[str, NDArray[np.float64]]) -> Iterator[Fault]:
    high, low = numbers["high"], numbers["low"]
    for name in PRICES:
        price = numbers[name]
        if name != "high":
            text = "high {} is below " + name + " {}"
            yield Fault(f"high is below {name}", high < price, _pair_text(text, high, price))
        if name not in ("low", "high"):
            text = "low {} is above " + name + " {}"
            yield Fault(f"low is above {name}", low > price, _pair_text(text, low, price))


def _pair_text(text: str, a: NDArray[np.float64], b: NDArray[np.float64]) -> Callable[[int], str]:
    return lambda i: text.format(a[i], b[i])


def _plain_fault(reason: str, rows: Mask) -> Fault:
    return Fault(reason, rows, lambda i: reason)


def _number_fault(table: RawTable, name: str, index: int) -> str:
    text = table.texts.get((index, name))
    return f"{name} is not a number" if text is None else f"{name} {text!r} is not a number"


def _disagreement(table: RawTable, losers: Places, winners: Places) -> list[Fault]:
    """Rows that another row of the same file contradicts."""
    if not len(losers):
        return []
    winner = np.full(len(table), -1, dtype=np.intp)
    winner[losers] = winners
    return [
        Fault(
            "disagrees with another row about the same bar",
            winner >= 0,
            lambda i: f"disagrees with line {table.row[winner[i]]} about the same bar",
        )
    ]


def _symbol_fault(text: str) -> str:
    if not text:
        return "the symbol is missing"
    if SYMBOL.fullmatch(text):
        return ""
    if SPELLED.fullmatch(text):
        return f"the symbol {text!r} has .. or // in it, which mean something else in addresses: name it without"
    return f"the symbol {text[:40]!r} has characters other than letters, digits and . ^ = - _ / (at most 32)"


def _settle_doubles(table: RawTable, time: NDArray[np.int64], good_rows: Places) -> tuple[Places, int, Places, Places]:
    """Of `good_rows`: those to store, how many repeat one already read, and losers with their winners where rows
    disagree.

    Rows of one bar with the same values are one; of several values the last row's is stored.
    """
    order = good_rows[np.lexsort((good_rows, time[good_rows], table.symbol[good_rows]))]
    same = (np.diff(time[order]) == 0) & (np.diff(table.symbol[order]) == 0)
    last = np.append(~same, True)[: len(order)]
    chosen = order[last]
    if not same.any():
        nothing = np.zeros(0, dtype=np.intp)
        return chosen, 0, nothing, nothing
    winner_of = chosen[np.cumsum(np.append(0, last[:-1]))]
    doubled = winner_of != order
    rows, winners = order[doubled], winner_of[doubled]
    values = [table.numbers[name] for name in NUMBERS]
    agrees = np.logical_and.reduce([value[rows] == value[winners] for value in values])
    rows, winners, repeats = rows[~agrees], winners[~agrees], int(agrees.sum())
    told = np.column_stack([winners, *(value[rows] for value in values)])
    _, first = np.unique(told, axis=0, return_index=True)  # the same contradiction once more is a repetition
    first.sort()
    return chosen, repeats + len(rows) - len(first), rows[first], winners[first]


def _by_symbol(table: RawTable, time: NDArray[np.int64], chosen: NDArray[np.intp]) -> Iterator[tuple[str, Bars]]:
    """`chosen` is ordered by symbol and time."""
    boundaries = np.flatnonzero(np.diff(table.symbol[chosen])) + 1
    for rows in np.split(chosen, boundaries):
        if len(rows):
            numbers = {name: np.ascontiguousarray(table.numbers[name][rows]) for name in NUMBERS}
            yield table.symbols[table.symbol[rows[0]]], Bars(time=time[rows], **numbers)


def _problem(table: RawTable, moments: Moments, time: NDArray[np.int64], index: int, faults: list[Fault]) -> Problem:
    code = table.date[index]
    written = table.dates[code][:40] if moments.reasons[code] else iso(int(time[index]))
    reasons = "; ".join(fault.text(index) for fault in faults if fault.rows[index])
    return Problem(int(table.row[index]), table.symbols[table.symbol[index]][:40], written, reasons)


def _bad_rows(table: RawTable, fault: Fault) -> BadRows:
    return BadRows(fault.reason, int(fault.rows.sum()), int(table.row[np.argmax(fault.rows)]))
