"""What a kind of source is: a description and one function that asks for the bars of an instrument.

`fetch` uses the network alone, no database. It returns the rows as the source gave them, which pass the same checks as
files do (instruments.quant.ingest), or raises a SourceError.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from importlib.util import find_spec
from typing import Any
from zoneinfo import ZoneInfo

from instruments.quant.actions import DIVIDEND, SPLIT, Action, Prices
from instruments.quant.ingest.headers import NotBars, recognise
from instruments.quant.ingest.rows import RawTable, Row, read_rows, text_of
from instruments.sources.errors import BadAnswer, NoRows, WrongSymbol
from instruments.sources.http import Http

_LATEST = 7e9  # seconds: the year 2191


class Key(StrEnum):
    """Whether a kind takes a secret."""

    NONE = "none"
    OPTIONAL = "optional"
    NEEDED = "needed"


@dataclass(frozen=True)
class Option:
    """A setting of a source: free text up to `longest` characters, or one of `choices` (value, label).

    `sends_key`: it says where the key goes, so that whoever changes it must know the key.
    """

    name: str
    label: str
    default: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    help: str = ""
    longest: int = 200
    sends_key: bool = False
    check: Callable[[str], str] = lambda value: ""  # what is wrong with a value, in words; "" for nothing

    def problem(self, value: object) -> str:
        """Why the option can't be so; empty when it can."""
        if not isinstance(value, str):
            return "Must be a text."
        if self.choices and value not in (names := [name for name, _ in self.choices]):
            return f"Must be one of: {', '.join(names)}."
        if len(value) > self.longest or any(ord(sign) < 32 for sign in value):
            return f"Must be up to {self.longest} characters in one line."
        return self.check(value)


PRICES = Option(
    "prices",
    "Its prices are",
    default=Prices.AS_TRADED,
    choices=tuple((value.value, value.label) for value in Prices),
    help="What open, high, low and close are adjusted for",
)


def _calls_problem(text: str) -> str:
    is_whole = text.isascii() and text.isdigit() and 1 <= int(text) <= 6000
    return "" if not text or is_whole else "Must be a whole number from 1 to 6000."


CALLS = Option(
    "calls_a_minute",
    "Calls a minute",
    help="As your plan allows; empty: as the smallest plan does",
    longest=4,
    check=_calls_problem,
)


@dataclass(frozen=True)
class Query:
    """The bars of an instrument from `start` to `end`, both included. `now` is the clock, in seconds since 1970."""

    symbol: str
    timeframe: str
    start: date
    end: date
    now: float
    options: Mapping[str, str] = field(default_factory=dict)
    key: str = field(default="", repr=False)


@dataclass(frozen=True)
class Fetched:
    """Rows as a source gave them, oldest or newest first, what their prices are, and the actions it knows of."""

    table: RawTable
    prices: Prices
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True)
class SourceKind:
    """One kind of source.

    `prices` is None where the option of that name says what they are. `zone` is where its days are ("" where each
    instrument has its own). A bar is final `final_after` its session's close, and not before `final_at` in the zone.
    `calls_a_minute` is what the vendor's smallest plan allows, None for no limit. `package` is an extra that it needs.
    `refetch_on_action`: an action rewrites all that was fetched before it, so that all must be fetched again.
    """

    name: str
    label: str
    about: str
    fetch: Callable[[Query, Http], Fetched]
    prices: Prices | None
    zone: str = ""
    calls_a_minute: int | None = None
    final_after: timedelta = timedelta()
    final_at: time | None = None
    key: Key = Key.NONE
    key_label: str = "Key"
    key_problem: Callable[[str], str] = lambda key: ""
    options: tuple[Option, ...] = ()
    timeframes: tuple[str, ...] = ("1d",)
    package: str = ""
    refetch_on_action: bool = False

    @property
    def is_installed(self) -> bool:
        return not self.package or find_spec(self.package) is not None


def read_bars(vendor: str, header: Sequence[str], rows: Iterable[Row], query: Query) -> RawTable:
    """The rows of the instrument that `query` names; a column of symbols, if there is one, says which those are.

    Raises NoRows where there are none, WrongSymbol where all are of other instruments, BadAnswer where it is no table.
    """
    try:
        columns = recognise(header)
        place, others = columns.places.get("symbol"), dict[str, None]()
        table = read_rows(columns, rows if place is None else _of_symbol(rows, place, query.symbol, others))
    except NotBars as reason:
        raise BadAnswer(f"{vendor} gave no bars. {reason}") from None
    if len(table):
        return table
    if others:
        raise WrongSymbol(f"{vendor} gave bars of {', '.join([*others][:5])}, not of {query.symbol}.")
    raise NoRows(f"{vendor} gave no rows for {query.symbol} from {query.start} to {query.end}.")


def _of_symbol(rows: Iterable[Row], place: int, symbol: str, others: dict[str, None]) -> Iterable[Row]:
    for row in rows:
        name = text_of(row[1][place]) if len(row[1]) > place else ""
        if name == symbol:
            yield row
        elif len(others) < 20:
            others[name[:40]] = None


def day_in(zone: str, seconds: float) -> str:
    """The day that a moment belongs to in a zone, YYYY-MM-DD; "" where it is none, which the checks tell."""
    if not abs(seconds) < _LATEST:
        return ""
    return datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(zone)).date().isoformat()


def read_records(
    vendor: str, entries: Sequence[Mapping[str, Any]], fields: Mapping[str, str], query: Query
) -> RawTable:
    """Rows from JSON: `fields` says which of ours (time, open, …) each of theirs is; others are left.

    Raises BadAnswer where one of them has another name than it had, or there are no rows.
    """
    require_fields(vendor, entries, [*fields])
    rows = ((number, [record[name] for name in fields]) for number, record in enumerate(entries, start=1))
    return read_bars(vendor, [*fields.values()], rows, query)


def require_fields(vendor: str, entries: Sequence[Any], names: Sequence[str]) -> None:
    """Raises BadAnswer naming the fields that a vendor's records have no more: they are renamed now and then."""
    for record in entries:
        if not isinstance(record, Mapping):
            raise BadAnswer(f"{vendor} gave something else than records of named fields.")
        if missing := [name for name in names if name not in record]:
            raise BadAnswer(f"{vendor}'s rows have no {', '.join(missing)}; they have: {', '.join([*record][:20])}.")


def number_of(vendor: str, record: Mapping[str, Any], name: str) -> float:
    """A number, or a text of one; NaN where it is null. Raises BadAnswer."""
    value = record[name]
    try:
        return float("nan") if value is None else float(value)
    except (TypeError, ValueError):
        raise BadAnswer(f"{vendor} gave {name} as {str(value)[:30]!r}, which is no number.") from None


def actions_of(
    vendor: str, symbol: str, entries: Iterable[Mapping[str, Any]], *, day: str, ratio: str = "", amount: str = ""
) -> tuple[Action, ...]:
    """The splits and dividends in a vendor's rows: `day`, `ratio` and `amount` are its names of them. A ratio of 1 and
    an amount of 0 are none."""
    actions = []
    for record in entries:
        ex_day = str(record[day])[:10]
        if ratio and (value := number_of(vendor, record, ratio)) > 0 and value != 1:
            actions.append(Action(symbol, ex_day, SPLIT, ratio=value))
        if amount and (value := number_of(vendor, record, amount)) > 0:
            actions.append(Action(symbol, ex_day, DIVIDEND, amount=value))
    return tuple(actions)
