"""Bars that lie in tables of another database: PostgreSQL or SQLite, read only."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import psycopg2

from instruments.quant.ingest.checks import join_tables
from instruments.quant.ingest.headers import NotBars, recognise
from instruments.quant.ingest.rows import RawTable, Row, read_rows

_FETCHED = 10_000  # rows at a time


def read_tables(dsn: str, tables: Sequence[str], symbol: str | None) -> RawTable:
    """The rows of `tables`, joined in their order. With `symbol` only its rows of a table that holds several.

    Raises NotBars when the database or a table can't be read, in words without the password.
    """
    try:
        with closing(_connect(dsn)) as connection:
            return join_tables([_read_table(connection, name, symbol) for name in tables])
    except (psycopg2.Error, sqlite3.Error) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise NotBars(f"The database refused: {lines[0][:300]}") from None


def _connect(dsn: str) -> Any:
    kind = urlsplit(dsn).scheme
    if kind in ("postgres", "postgresql"):
        connection = psycopg2.connect(dsn, connect_timeout=10, options="-c timezone=UTC")
        connection.set_session(readonly=True)
        return connection
    if kind == "sqlite":
        path = Path(unquote(dsn.removeprefix("sqlite:///")))
        if not path.is_file():
            raise NotBars(f"There is no database file {path}.")
        return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)
    raise NotBars("The database must be named as postgres://user:password@host:port/name or sqlite:///path.")


def _read_table(connection: Any, name: str, symbol: str | None) -> RawTable:
    quoted = ".".join(_quoted(part) for part in name.split("."))
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"SELECT * FROM {quoted} LIMIT 0")
        header = [column[0] for column in cursor.description]
    try:
        columns = recognise(header)
    except NotBars as reason:
        raise NotBars(f"{name}: {reason}") from None
    query, values = f"SELECT * FROM {quoted}", []
    if symbol is not None and "symbol" in columns.places:
        sign = "?" if isinstance(connection, sqlite3.Connection) else "%s"
        query = f"{query} WHERE {_quoted(header[columns.places['symbol']])} = ".replace("%", "%%") + sign
        values.append(symbol)
    table = read_rows(columns, _rows(connection, query, values))
    if len(table) == 0:
        raise NotBars(f"{name} has no rows" + (f" of {symbol}." if values else "."))
    return table


def _rows(connection: Any, query: str, values: list[str]) -> Iterator[Row]:
    # On PostgreSQL a named cursor: rows come as they are read, instead of all at once into memory.
    sqlite = isinstance(connection, sqlite3.Connection)
    with closing(connection.cursor() if sqlite else connection.cursor(name="bars")) as cursor:
        cursor.execute(query, values)
        number = 0
        while rows := cursor.fetchmany(_FETCHED):
            for row in rows:
                number += 1
                yield number, row


def _quoted(identifier: str) -> str:
    if "\0" in identifier:
        raise NotBars("A table's name can't hold a NUL character.")
    return '"' + identifier.replace('"', '""') + '"'
