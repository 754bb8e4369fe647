"""Bars that lie in tables of another database: PostgreSQL or SQLite, read only, page by page by time."""

import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import psycopg2

from instruments.quant.actions import Prices
from instruments.quant.ingest.checks import join_tables
from instruments.quant.ingest.headers import NotBars, recognise
from instruments.quant.ingest.rows import RawTable, Row, read_rows
from instruments.sources.base import PRICES, Fetched, Key, Option, Query, SourceKind
from instruments.sources.errors import BadAnswer, KeyRefused, SourceDown, UnknownSymbol
from instruments.sources.http import Http

PAGE = 10_000  # rows at a time
LONGEST_S = 60.0  # that a stored source may take
_DATE_TYPES = (1082, 1114, 1184)  # of PostgreSQL: date, timestamp, timestamptz


class TooLong(NotBars):
    """Reading took longer than it may."""


class NoConnection(NotBars):
    """The database can't be reached, or doesn't let us in."""


def read_tables(
    dsn: str, tables: Sequence[str], symbol: str | None, *, since: date | None = None, longest_s: float | None = None
) -> RawTable:
    """The rows of `tables`, joined in their order. With `symbol` only its rows of a table that holds several; with
    `since` only rows from that day on, where a table's times are dates to the database.

    Raises NotBars when the database or a table can't be read, in words without the password; TooLong after `longest_s`.
    """
    deadline = time.monotonic() + longest_s if longest_s is not None else None
    try:
        with closing(_connect(dsn, longest_s)) as connection:
            return join_tables([_read_table(connection, name, symbol, since, deadline) for name in tables])
    except psycopg2.extensions.QueryCanceledError:
        raise TooLong(_too_long(longest_s)) from None
    except (psycopg2.Error, sqlite3.Error) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        refusal = NoConnection if type(error) is psycopg2.OperationalError else NotBars
        raise refusal(f"The database refused: {lines[0][:300]}") from None


def fetch(query: Query, http: Http) -> Fetched:
    """The tables that the source names, merged; where they disagree a later one wins."""
    tables = query.options["tables"].replace("{symbol}", query.symbol.lower()).replace(",", " ").split()
    try:
        table = read_tables(query.key, tables, query.symbol, since=query.start, longest_s=LONGEST_S)
    except TooLong as reason:
        raise SourceDown(str(reason)) from None
    except NoConnection as reason:
        raise (KeyRefused if "authentication" in str(reason) else SourceDown)(str(reason)) from None
    except NotBars as reason:
        unknown = "does not exist" in str(reason) or "has no rows of" in str(reason)
        raise (UnknownSymbol if unknown else BadAnswer)(str(reason)) from None
    return Fetched(table, Prices(query.options["prices"]))


def dsn_problem(dsn: str) -> str:
    """Why a source can't be stored with this address; a file of this server isn't for pages to read."""
    parts = urlsplit(dsn)
    if parts.scheme not in ("postgres", "postgresql") or not parts.hostname:
        return "Must be as postgres://user:password@host:port/name."
    return ""


def tables_problem(text: str) -> str:
    names = text.replace(",", " ").split()
    good = re.compile(r"[A-Za-z_{][A-Za-z0-9_{}]*(\.[A-Za-z_{][A-Za-z0-9_{}]*)?")
    if not names or not all(map(good.fullmatch, names)):
        return "Must be names of tables as backtest.{symbol}_1d, fronttest.{symbol}_1d."
    return ""


def _connect(dsn: str, longest_s: float | None) -> Any:
    kind = dsn.partition("://")[0]
    if kind in ("postgres", "postgresql"):
        _require_clear(dsn)
        options = "-c timezone=UTC" + (f" -c statement_timeout={int(longest_s * 1000)}" if longest_s else "")
        connection = psycopg2.connect(dsn, connect_timeout=10, options=options)
        connection.set_session(readonly=True)
        return connection
    if kind == "sqlite":
        path = Path(unquote(dsn.removeprefix("sqlite:///")))
        if not path.is_file():
            raise NotBars(f"There is no database file {path}.")
        return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    raise NotBars("The database must be named as postgres://user:password@host:port/name or sqlite:///path.")


def _require_clear(dsn: str) -> None:
    """What libpq says of an address quotes it, and so parts of a password that is not percent-encoded."""
    try:
        parts = urlsplit(dsn)
        is_clear = parts.netloc.count("@") == dsn.count("@") <= 1 and parts.port != 0
    except ValueError:  # a port that is no number
        is_clear = False
    if not is_clear:
        raise NotBars(
            "The address of the database can't be read. Write postgres://user:password@host:port/name, and in the "
            "password %40 for @, %2F for /, %3A for :, %3F for ?, %23 for #."
        )


def _read_table(connection: Any, name: str, symbol: str | None, since: date | None, deadline: float | None) -> RawTable:
    quoted = ".".join(_quoted(part) for part in name.split("."))
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"SELECT * FROM {quoted} LIMIT 0")
        header = [column[0] for column in cursor.description]
        types = [column[1] for column in cursor.description]
    try:
        columns = recognise(header)
    except NotBars as reason:
        raise NotBars(f"{name}: {reason}") from None
    is_sqlite = isinstance(connection, sqlite3.Connection)
    sign, conditions, values = "?" if is_sqlite else "%s", list[str](), list[Any]()
    at = columns.places["time"]

    def name_of(place: int) -> str:
        return _quoted(header[place]) if is_sqlite else _quoted(header[place]).replace("%", "%%")

    is_of_symbol = symbol is not None and "symbol" in columns.places
    if is_of_symbol:
        conditions.append(f"{name_of(columns.places['symbol'])} = {sign}")
        values.append(symbol)
    if since is not None and types[at] in _DATE_TYPES:
        conditions.append(f"{name_of(at)} >= {sign}")
        values.append((since - timedelta(days=1)).isoformat())  # a day of the table's zone may begin before that of UTC
    source = _Table(
        connection, quoted if is_sqlite else quoted.replace("%", "%%"), at, name_of(at), sign, conditions, values
    )
    table = read_rows(columns, source.rows(deadline))
    if len(table) == 0:
        raise NotBars(f"{name} has no rows" + (f" of {symbol}." if is_of_symbol else "."))
    return table


@dataclass(frozen=True)
class _Table:
    """Rows that meet `conditions`, which hold `values`; `moment` is the quoted name of the column `at`, their time."""

    connection: Any
    quoted: str
    at: int
    moment: str
    sign: str
    conditions: list[str]
    values: list[Any]

    def rows(self, deadline: float | None) -> Iterator[Row]:
        """By time, a page after the other from the last time on, so that no long query is needed; those without a time
        at the end. Rows of one time stay in one page."""
        number = 0
        for page in self._pages():
            for row in page:
                number += 1
                yield number, row
            if deadline is not None and time.monotonic() > deadline:
                raise TooLong(_too_long(LONGEST_S))

    def _pages(self) -> Iterator[list[Any]]:
        last = None
        while True:
            rows = self._some(f"> {self.sign}", last) if last is not None else self._some("IS NOT NULL")
            if len(rows) < PAGE:
                yield rows
                break
            last = rows[-1][self.at]
            yield [row for row in rows if row[self.at] != last]
            yield self._some(f"= {self.sign}", last, limit="")
        yield self._some("IS NULL", limit="")

    def _some(self, which: str, *values: Any, limit: str = f"LIMIT {PAGE}") -> list[Any]:
        where = " AND ".join([*self.conditions, f"{self.moment} {which}"])
        with closing(self.connection.cursor()) as cursor:
            query = f"SELECT * FROM {self.quoted} WHERE {where} ORDER BY {self.moment} {limit}"
            cursor.execute(query, [*self.values, *values])
            return list(cursor.fetchall())


def _too_long(longest_s: float | None) -> str:
    return f"The database took longer than {longest_s or 0:.0f} s. Add an index by time, or ask for less."


def _quoted(identifier: str) -> str:
    if "\0" in identifier:
        raise NotBars("A table's name can't hold a NUL character.")
    return '"' + identifier.replace('"', '""') + '"'


KIND = SourceKind(
    name="database",
    label="PostgreSQL tables",
    about="Tables of another PostgreSQL database, as backtest.spy_1d and fronttest.spy_1d, merged; a later one wins. "
    "Nothing is written there.",
    fetch=fetch,
    prices=None,
    key=Key.NEEDED,
    key_label="Address of the database",
    key_problem=dsn_problem,
    options=(
        Option(
            "tables",
            "Tables",
            help="Separated by commas; {symbol} stands for the instrument in small letters",
            longest=500,
            check=tables_problem,
        ),
        PRICES,
    ),
    timeframes=("1d", "1h", "4h", "1w"),
)
