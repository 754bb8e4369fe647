"""Splits and dividends as rows of a table: which column is what, and what is wrong with a row."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from math import isfinite
from typing import Any

from instruments.quant.actions import DIVIDEND, SPLIT, Action
from instruments.quant.ingest.headers import NotBars
from instruments.quant.ingest.rows import LISTED, Row, text_of
from instruments.sources.files import Sheet

MOST_ROWS = 1_000_000
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 1, 1)
LARGEST_RATIO = 1e6  # and 1 / that
VALUE = "ratio|amount"  # one column for both
_NAMES: Mapping[str, tuple[str, ...]] = {
    "symbol": ("symbol", "ticker"),
    "ex_day": ("ex_day", "ex_date", "exdate", "date"),
    "kind": ("kind", "type"),
    "ratio": ("ratio",),
    "amount": ("amount",),
    VALUE: (VALUE,),
}
_RATIO = re.compile(r"\s*([0-9.eE+-]+)\s*[:/]\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True)
class BadRow:
    """A row that is no action; `row` is its line in the file."""

    row: int
    symbol: str
    ex_day: str
    reason: str


@dataclass
class ActionRows:
    """What a table holds: actions with their line, each once. read = actions + duplicates + bad, always."""

    read: int = 0
    duplicates: int = 0
    bad: int = 0
    actions: list[tuple[int, Action]] = field(default_factory=list)
    problems: list[BadRow] = field(default_factory=list)

    def refuse(self, problem: BadRow) -> None:
        self.bad += 1
        if len(self.problems) < LISTED:
            self.problems.append(problem)


class _BadCell(ValueError):
    """The text says why."""


def read_action_rows(sheet: Sheet, *, symbol: str | None = None) -> ActionRows:
    """The actions of a table; `symbol` is what they are of where no column says. Raises NotBars where it is no table of
    actions at all."""
    places = _places(sheet.header, needs_symbol=symbol is None)
    rows, seen = ActionRows(), dict[tuple[str, str, str], tuple[int, Action]]()
    for line, cells in _filled(sheet.rows):
        if rows.read >= MOST_ROWS:
            raise NotBars(f"More than {MOST_ROWS:,} rows. Send fewer at once.")
        rows.read += 1
        texts = {name: _text(cells[place]) if place < len(cells) else "" for name, place in places.items()}
        named = texts.get("symbol") or symbol or ""
        try:
            action = _action(texts, named, symbol)
        except _BadCell as reason:
            rows.refuse(BadRow(line, named[:40], texts["ex_day"][:20], str(reason)))
            continue
        earlier = seen.setdefault((action.symbol, action.ex_day, action.kind), (line, action))
        if earlier[0] == line:
            rows.actions.append((line, action))
        elif earlier[1] == action:
            rows.duplicates += 1
        else:
            more = " with their sum" if action.kind == DIVIDEND else ""
            text = f"another {action.kind} of that day is in line {earlier[0]}: give one row{more}"
            rows.refuse(BadRow(line, action.symbol, action.ex_day, text))
    if not rows.read:
        raise NotBars("No rows below the header.")
    return rows


def action_problem(action: Action) -> str:
    """What is wrong with its numbers; "" for nothing."""
    try:
        day = date.fromisoformat(action.ex_day)
    except ValueError:
        return f"the ex day {action.ex_day[:20]!r} is no day: write it as 2024-06-10"
    if not EARLIEST <= day < LATEST:
        return f"the ex day {day} is not from {EARLIEST.year} to {LATEST.year - 1}"
    value = action.ratio if action.kind == SPLIT else action.amount
    if value is None or not isfinite(value) or value <= 0:
        return "a split needs a ratio above 0" if action.kind == SPLIT else "a dividend needs an amount above 0"
    if action.kind == SPLIT and (value == 1 or not 1 / LARGEST_RATIO <= value <= LARGEST_RATIO):
        return "a ratio is the new shares for one old, as 4 or 4:1 (and 0.1 or 1:10); 1 changes nothing"
    return ""


def json_sheet(entries: Any) -> Sheet:
    """An array of objects as a table. Raises NotBars."""
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise NotBars('Send an array of objects, as [{"ex_day": "2024-06-10", "kind": "split", "ratio": 10}], or CSV.')
    header = list(dict.fromkeys(name for entry in entries for name in entry))
    if unknown := sorted(set(header) - {"symbol", "ex_day", "kind", "ratio", "amount"}):
        raise NotBars(f"Unknown field {unknown[0][:60]!r}. Known: symbol, ex_day, kind, ratio, amount.")
    for number, entry in enumerate(entries, start=1):
        for name in ("ratio", "amount"):
            if isinstance(entry.get(name), bool) or not isinstance(entry.get(name), int | float | None):
                raise NotBars(f"Row {number}: {name} must be a number.")
    rows = ((number, [entry.get(name) for name in header]) for number, entry in enumerate(entries, start=1))
    return Sheet(header, rows)


def _places(header: list[str], *, needs_symbol: bool) -> dict[str, int]:
    cleaned = [text_of(name).strip().lower().replace(" ", "_") for name in header]
    places = {name: cleaned.index(other) for name, names in _NAMES.items() for other in names[::-1] if other in cleaned}
    missing = [name for name in ("symbol", "ex_day", "kind") if name not in places]
    if "symbol" in missing and not needs_symbol:
        missing.remove("symbol")
    if not {"ratio", "amount", VALUE} & set(places):
        missing.append("ratio or amount")
    if missing:
        raise NotBars(f"No column {', '.join(missing)}. It needs symbol, ex_day, kind, and ratio or amount.")
    return places


def _text(cell: Any) -> str:
    text = text_of(cell)
    return "" if text.lower() in ("nan", "none", "null") else text


def _filled(rows: Iterable[Row]) -> Iterable[Row]:
    return (row for row in rows if any(text_of(cell) for cell in row[1]))


def _action(texts: Mapping[str, str], symbol: str, own: str | None) -> Action:
    """Raises _BadCell."""
    if not symbol:
        raise _BadCell("no symbol")
    if own is not None and symbol != own:
        raise _BadCell(f"of {symbol[:40]}, not of {own}")
    kind = texts["kind"].lower()
    if kind not in (SPLIT, DIVIDEND):
        raise _BadCell(f"the kind {texts['kind'][:20]!r} is neither split nor dividend")
    ratio, amount = texts.get("ratio", ""), texts.get("amount", "")
    if (amount if kind == SPLIT else ratio) not in ("", "0", "0.0"):
        raise _BadCell(f"a {kind} has {'a ratio and no amount' if kind == SPLIT else 'an amount and no ratio'}")
    text = (ratio if kind == SPLIT else amount) or texts.get(VALUE, "")
    value = _number(text, may_be_pair=kind == SPLIT)
    ex_day = texts["ex_day"].strip()[:10]
    action = Action(symbol, ex_day, kind, ratio=value) if kind == SPLIT else Action(symbol, ex_day, kind, amount=value)
    if problem := action_problem(action):
        raise _BadCell(problem)
    return action


def _number(text: str, *, may_be_pair: bool) -> float | None:
    """4 of "4", "4:1" and "4/1"; None of nothing. Raises _BadCell."""
    if not text:
        return None
    try:
        if may_be_pair and (pair := _RATIO.fullmatch(text)):
            return float(pair[1]) / float(pair[2])
        return float(text)
    except (ValueError, ZeroDivisionError):
        raise _BadCell(f"{text[:20]!r} is no number") from None
