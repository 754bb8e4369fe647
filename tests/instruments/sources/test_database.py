"""Tables of another database: read page by page by time, never written, and not for long."""

import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from instruments.imports.trial import checked_bars
from instruments.sources import database
from instruments.sources.base import Fetched
from instruments.sources.database import KIND, dsn_problem, read_tables, tables_problem
from instruments.sources.errors import BadAnswer, SourceDown, SourceError, UnknownSymbol
from instruments.sources.http import Http
from tests.instruments.sources.vendor import query


@pytest.mark.parametrize("rows", [1, 3, 4, 6, 7])
@pytest.mark.parametrize("same", [1, 2, 5])
def test_it_reads_every_row_once_whatever_the_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, same: int
) -> None:
    """Rows of one time, however many, and rows without a time are read as well."""
    monkeypatch.setattr(database, "PAGE", 3)
    times = [f"2020-01-{day:02}" for day in range(1, rows + 1) for _ in range(same if day == 3 else 1)] + [None]
    with sqlite3.connect(tmp_path / "a.sqlite3") as db:
        db.execute("CREATE TABLE t (date text, open real, high real, low real, close real)")
        db.executemany("INSERT INTO t VALUES (?, 10, 11, 9, 10)", [(time,) for time in reversed(times)])
    table = read_tables(f"sqlite:///{tmp_path}/a.sqlite3", ["t"], None)
    assert [table.dates[code] for code in table.date] == [time or "" for time in times]


@pytest.mark.parametrize(
    "dsn", ["sqlite:///var/db.sqlite3", "postgres:///name", "mysql://u@h/n", "host=a", "", "postgresql://"]
)
def test_it_stores_addresses_of_postgresql_alone(dsn: str) -> None:
    assert dsn_problem(dsn)
    assert not dsn_problem("postgres://u:p@db.example:5432/name")


def test_it_takes_names_of_tables() -> None:
    assert not tables_problem("backtest.{symbol}_1d, fronttest.{symbol}_1d")
    for wrong in ("", "a; DROP TABLE b", 'a"b', "a.b.c"):
        assert tables_problem(wrong)


@pytest.fixture
def dsn(transactional_db: None) -> Iterator[str]:
    """Of the test's own database; empty on SQLite, of which there is nothing to read."""
    if connection.vendor != "postgresql":
        yield ""
        return
    with connection.cursor() as cursor:
        for schema, first, close in (("backtest", 0, 10), ("fronttest", 3, 20)):
            cursor.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")  # a test of imports leaves one
            cursor.execute(f"CREATE SCHEMA {schema}")
            cursor.execute(
                f"CREATE TABLE {schema}.spy_1d AS "
                "SELECT timestamptz '2020-01-01 00:00+00' + i * interval '1 day' AS date, "
                f"{close}::numeric AS open, {close + 1}::numeric AS high, 9::numeric AS low, "
                f"{close}::numeric AS close, 5 AS volume FROM generate_series({first}, {first + 4}) AS i"
            )
    config = connection.settings_dict
    login = f"{quote(config['USER'])}:{quote(config['PASSWORD'])}"
    yield f"postgres://{login}@{quote(config['HOST'], safe='')}:{config['PORT'] or 5432}/{config['NAME']}"
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA backtest, fronttest CASCADE")


def fetch(dsn: str, tables: str = "backtest.{symbol}_1d fronttest.{symbol}_1d", **more: Any) -> Fetched:
    asked = {"start": date(2019, 1, 1), "end": date(2021, 1, 1), **more}
    return KIND.fetch(query("SPY", key=dsn, options={"tables": tables, "prices": "split"}, **asked), Http())


@pytest.mark.db_both
def test_it_merges_tables_a_later_one_winning(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not dsn:
        return
    monkeypatch.setattr(database, "PAGE", 2)
    fetched = fetch(dsn)
    bars = checked_bars(fetched, query("SPY")).bars["SPY"]
    assert bars.close.tolist() == [10, 10, 10, 20, 20, 20, 20, 20] and fetched.prices == "split"
    assert len(fetch(dsn, start=date(2020, 1, 4)).table) == 3 + 5  # from the day before on, in each zone


@pytest.mark.db_both
def test_it_says_what_is_wrong_without_the_password(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not dsn:
        return
    wrong: list[tuple[str, str, type[SourceError]]] = [
        (dsn, "backtest.qqq_1d", UnknownSymbol),
        ("postgres://u:s3cret@127.0.0.1:1/n", "t", SourceDown),
        (dsn, "pg_catalog.pg_class", BadAnswer),
    ]
    for address, tables, error in wrong:
        with pytest.raises(error) as raised:
            fetch(address, tables)
        assert type(raised.value) is error and "s3cret" not in str(raised.value)
    monkeypatch.setattr(database, "LONGEST_S", 0.0)
    with pytest.raises(SourceDown, match="took longer"):
        fetch(dsn)
