"""Rows as read to bars that may be stored: what is bad, what is told twice, what disagrees."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.ingest.dates import Moments, iso, read_moments
from instruments.quant.ingest.headers import NUMBERS, PRICES, NotBars
from instruments.quant.ingest.rows import RawTable
from instruments.quant.ingest.timeframe import timeframe_of

SYMBOL = re.compile(r"[A-Za-z0-9.^=\-_/]{1,32}")
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Problem:
    """A row that is bad; `row` is its line in the file (the header is line 1)."""

    row: int
    symbol: str
    timestamp: str
    reason: str


@dataclass(frozen=True)
class Checked:
    """What a file holds. read = rows of all `bars` + rejected + duplicates.

    `overruled` counts rows of an earlier table that a later one contradicts: rejected, but nobody's mistake.
    """

    timeframe: str
    bars: dict[str, Bars]
    read: int
    rejected: int
    duplicates: int
    overruled: int
    problems: tuple[Problem, ...]


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
        unreadable={(i + s, c): v for t, s in zip(tables, starts, strict=False) for (i, c), v in t.unreadable.items()},
        misshapen={i + s: v for t, s in zip(tables, starts, strict=False) for i, v in t.misshapen.items()},
        origin=np.repeat(np.arange(len(tables), dtype=np.int32), [len(table) for table in tables]),
        has_symbols=any(table.has_symbols for table in tables),
        has_adj_close=with_adjusted,
    )


def check(table: RawTable, *, symbol: str | None = None, timeframe: str | None = None) -> Checked:
    """Every row judged. `symbol` names the instrument of a table that has no such column, or has one symbol in it.

    Raises NotBars when the whole can't be used: no rows, no symbol, a spacing that is no timeframe.
    """
    if len(table) == 0:
        raise NotBars("There is a header but no rows below it.")
    table = _filled(_named(table, symbol))
    moments = read_moments(table.dates)
    reasons: dict[int, list[str]] = defaultdict(list)
    for index, reason in _faults(table, moments):
        reasons[index].append(reason)
    good = np.ones(len(table), dtype=np.bool_)
    good[list(reasons)] = False
    good_rows = np.flatnonzero(good)
    utc = moments.utc[table.date]
    inferred = timeframe_of(table.symbol[good_rows], utc[good_rows], timeframe) if len(good_rows) else timeframe or "1d"
    time = moments.day[table.date] if inferred in ("1d", "1w") else utc
    chosen, duplicates, losers = _settle_doubles(table, time, good_rows)
    overruled = 0
    for loser, winner in losers:
        if table.origin[loser] < table.origin[winner]:
            overruled += 1
        else:
            reasons[loser].append(f"disagrees with line {table.row[winner]} about the same bar")
    return Checked(
        timeframe=inferred,
        bars=dict(_by_symbol(table, time, chosen)),
        read=len(table),
        rejected=len(table) - len(chosen) - duplicates,
        duplicates=duplicates,
        overruled=overruled,
        problems=tuple(_problem(table, moments, time, index, reasons[index]) for index in sorted(reasons)),
    )


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
            raise NotBars("There is no symbol or ticker column: name the instrument.")
        return table
    if len(symbols) > 1:
        raise NotBars(
            f"There are {len(symbols)} symbols in it ({', '.join(symbols[:5])}{', …' if len(symbols) > 5 else ''}), "
            f"which can't all be {symbol}. Name none, and each is imported under its own name."
        )
    return replace(table, symbols=(symbol,), symbol=np.zeros(len(table), dtype=np.int32))


def _recode(codes: NDArray[np.int32], texts: tuple[str, ...], target: dict[str, int]) -> NDArray[np.int32]:
    return np.array([target[text] for text in texts], dtype=np.int32)[codes]


def _faults(table: RawTable, moments: Moments) -> Iterator[tuple[int, str]]:
    """Rows and what is wrong with each, one thing at a time."""
    yield from table.misshapen.items()
    symbol_faults = [_symbol_fault(text) for text in table.symbols]
    for index in np.flatnonzero(np.array([bool(fault) for fault in symbol_faults])[table.symbol]).tolist():
        yield index, symbol_faults[table.symbol[index]]
    for index in np.flatnonzero(np.array([bool(reason) for reason in moments.reasons])[table.date]).tolist():
        yield index, moments.reasons[table.date[index]]
    yield from ((index, f"{name} {text!r} is not a number") for (index, name), text in table.unreadable.items())
    numbers = table.numbers
    names = (*PRICES, "adj_close") if table.has_adj_close else PRICES
    for name in names:
        for index in np.flatnonzero(~(np.isfinite(numbers[name]) & (numbers[name] > 0))).tolist():
            if (index, name) not in table.unreadable:
                yield index, _price_fault(name, float(numbers[name][index]))
    yield from _rows(numbers["volume"] < 0, "volume is below zero")
    yield from _rows(np.isinf(numbers["volume"]), "volume is not finite")
    yield from _order_faults(numbers)


def _order_faults(numbers: dict[str, NDArray[np.float64]]) -> Iterator[tuple[int, str]]:
    with np.errstate(invalid="ignore"):
        for name in PRICES:
            if name != "high":
                for index in np.flatnonzero(numbers["high"] < numbers[name]).tolist():
                    yield index, f"high {numbers['high'][index]} is below {name} {numbers[name][index]}"
            if name not in ("low", "high"):
                for index in np.flatnonzero(numbers["low"] > numbers[name]).tolist():
                    yield index, f"low {numbers['low'][index]} is above {name} {numbers[name][index]}"


def _rows(mask: Mask, reason: str) -> Iterator[tuple[int, str]]:
    return ((index, reason) for index in np.flatnonzero(mask).tolist())


def _symbol_fault(text: str) -> str:
    if not text:
        return "the symbol is missing"
    if SYMBOL.fullmatch(text):
        return ""
    return f"the symbol {text[:40]!r} has characters other than letters, digits and . ^ = - _ / (at most 32)"


def _price_fault(name: str, value: float) -> str:
    if np.isnan(value):
        return f"{name} is missing"
    return f"{name} is not finite" if np.isinf(value) else f"{name} is not above zero"


def _settle_doubles(
    table: RawTable, time: NDArray[np.int64], good_rows: NDArray[np.intp]
) -> tuple[NDArray[np.intp], int, list[tuple[int, int]]]:
    """Of `good_rows`: those to store, how many repeat one already read, and (loser, winner) where they disagree.

    Rows of one bar with the same values are one; of several values the last row's is stored.
    """
    order = good_rows[np.lexsort((good_rows, time[good_rows], table.symbol[good_rows]))]
    same = (np.diff(time[order]) == 0) & (np.diff(table.symbol[order]) == 0)
    last = np.append(~same, True)[: len(order)]
    chosen = order[last]
    if not same.any():
        return chosen, 0, []
    winner_of = np.empty(len(order), dtype=np.intp)
    winner_of[:] = chosen[np.cumsum(np.append(0, last[:-1]))]
    values = {name: table.numbers[name] for name in NUMBERS}
    doubled = winner_of != order
    rows, winners = order[doubled], winner_of[doubled]
    agrees = np.logical_and.reduce([values[name][rows] == values[name][winners] for name in NUMBERS])
    duplicates = int(agrees.sum())
    losers: list[tuple[int, int]] = []
    seen: set[tuple[float, ...]] = set()
    for row, winner in zip(rows[~agrees].tolist(), winners[~agrees].tolist(), strict=True):
        told = (winner, *(float(values[name][row]) for name in NUMBERS))
        if told in seen:  # the same contradiction once more: equal to one already read
            duplicates += 1
            continue
        seen.add(told)
        losers.append((row, winner))
    return chosen, duplicates, losers


def _by_symbol(table: RawTable, time: NDArray[np.int64], chosen: NDArray[np.intp]) -> Iterator[tuple[str, Bars]]:
    """`chosen` is ordered by symbol and time."""
    boundaries = np.flatnonzero(np.diff(table.symbol[chosen])) + 1
    for rows in np.split(chosen, boundaries):
        if len(rows):
            numbers = {name: np.ascontiguousarray(table.numbers[name][rows]) for name in NUMBERS}
            yield table.symbols[table.symbol[rows[0]]], Bars(time=time[rows], **numbers)


def _problem(table: RawTable, moments: Moments, time: NDArray[np.int64], index: int, reasons: list[str]) -> Problem:
    code = table.date[index]
    written = table.dates[code][:40] if moments.reasons[code] else iso(int(time[index]))
    return Problem(int(table.row[index]), table.symbols[table.symbol[index]][:40], written, "; ".join(reasons))
