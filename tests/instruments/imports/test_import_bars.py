import io
import json
import logging
import re
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest
from django.core.management import CommandError, load_command_class
from django.db import connection

from boursomatic.accounts.models import AuditEntry
from instruments.imports.report import LISTED
from instruments.models import Instrument, PriceBar, Series, Universe
from instruments.store.read_bars import load_bars, series_get
from tests import postgres
from tests.instruments.files import csv, daily
from tests.instruments.parquet import BOMBS, parquet, prices

pytestmark = [pytest.mark.django_db, pytest.mark.db_both]
COUNTS = ("inserted", "updated", "unchanged", "rejected", "duplicates")


def run(*arguments: Any) -> tuple[int, str, str]:
    """The command as a person types it: exit code, standard output, standard error.

    Not through `run_from_argv`, which closes the connection that the test's transaction is on.
    """
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        command = load_command_class("instruments", "import_bars")
        command._called_from_command_line = True
        try:
            options = command.create_parser("manage.py", "import_bars").parse_args([*map(str, arguments)])
            command.execute(**vars(options))
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        except CommandError as refusal:
            code = refusal.returncode
            err.write(str(refusal))
    return code, out.getvalue(), err.getvalue()


def report(*arguments: Any, code: int = 0) -> dict[str, Any]:
    found, out, err = run(*arguments, "--json")
    assert found == code, err
    answer: dict[str, Any] = json.loads(out)
    assert answer["read"] == sum(answer[name] for name in COUNTS)
    return answer


def file(folder: Path, *rows: str, name: str = "some.csv") -> Path:
    path = folder / name
    path.write_text(csv(*rows))
    return path


def test_it_stores_bars_and_tells_coverage(tmp_path: Path) -> None:
    found = report(file(tmp_path, *daily(5), *daily(3, symbol="QQQ")))
    assert (found["read"], found["inserted"]) == (8, 8)
    assert found["instruments"]["QQQ"] == {
        "rows": 3,
        "first": "2020-01-01T00:00:00Z",
        "last": "2020-01-03T00:00:00Z",
        "timeframe": "1d",
    }
    assert len(load_bars(series_get("SPY", "1d"))) == 5
    assert set(PriceBar.objects.values_list("source", flat=True)) == {"some.csv"}


def test_an_import_is_entered_in_the_audit(tmp_path: Path) -> None:
    run(file(tmp_path, *daily(3)))
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject, entry.user) == ("bars.import", "some.csv", None)
    assert entry.details == {"via": "import_bars", "inserted": 3, "updated": 0}


def test_it_changes_nothing_the_second_time(tmp_path: Path) -> None:
    path = file(tmp_path, *daily(5))
    report(path)
    found = report(path)
    assert (found["inserted"], found["unchanged"], found["warnings"]) == (0, 5, [])


def test_it_says_when_stored_history_is_rewritten(tmp_path: Path) -> None:
    report(file(tmp_path, *daily(5)), "--source", "vendor")
    found = report(file(tmp_path, *daily(2, price=20), *daily(4, first=3)), "--source", "vendor")
    assert (found["inserted"], found["updated"], found["unchanged"]) == (1, 2, 3)
    assert any("2 stored bars were rewritten" in text for text in found["warnings"])
    series = series_get("SPY", "1d")
    assert (series.revision, series.rewritten) == (1, 2)


def test_it_says_when_sources_are_mixed(tmp_path: Path) -> None:
    report(file(tmp_path, *daily(3)), "--source", "yahoo")
    found = report(file(tmp_path, *daily(3, first=4)), "--source", "stooq")
    assert found["warnings"] == ["SPY 1d now holds bars of several sources: yahoo, stooq."]


BAD = "2020-01-09,10,9,11,10,1,SPY"


def test_it_stores_nothing_of_a_file_with_a_bad_row(tmp_path: Path) -> None:
    good = file(tmp_path, *daily(4, symbol="QQQ"), name="good.csv")
    found = report(file(tmp_path, *daily(3), daily(1)[0], BAD, name="bad.csv"), good, code=1)
    assert (found["read"], found["inserted"], found["rejected"], found["duplicates"]) == (9, 4, 4, 1)
    assert [(p["file"], p["row"], p["symbol"], p["timestamp"]) for p in found["problems"]] == [
        ("bad.csv", 6, "SPY", "2020-01-09T00:00:00Z")
    ]
    assert list(Series.objects.values_list("instrument__symbol", flat=True)) == ["QQQ"]


def test_it_stores_the_good_rows_with_skip(tmp_path: Path) -> None:
    found = report(file(tmp_path, *daily(3), BAD), "--on-bad", "skip")
    assert (found["inserted"], found["rejected"]) == (3, 1)
    assert found["problems"][0]["reason"].startswith("high 9.0 is below open 10.0; low 11.0 is above open 10.0")


def test_it_refuses_in_one_sentence_without_a_traceback(tmp_path: Path) -> None:
    code, _, err = run(file(tmp_path, *daily(3), BAD))
    assert code == 1
    assert "1 bad row, nothing stored. First: line 5" in err
    assert "Mend the file, or skip its bad rows." in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("none.csv", None, "no such file"),
        ("notes.csv", "hello\nworld\n", "No column for the date"),
        ("prices.csv", "date,open,high,low,close\n2020-01-02,2,3,1,2\n", "name the instrument"),
    ],
)
def test_it_refuses_what_is_no_file_of_bars(tmp_path: Path, name: str, text: str | None, says: str) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    found = report(path, "--on-bad", "skip", code=1)
    assert says in found["problems"][0]["reason"]
    assert found["problems"][0]["row"] is None
    assert not Instrument.objects.exists()
    assert ("--symbol names the symbol" in run(path)[2]) == (name == "prices.csv")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--from-database", "sqlite:///x"],
        ["f.csv", "--table", "x"],
        ["f.csv", "--symbol", "S&P"],
        ["f.csv", "--timeframe", "1m"],
        ["f.csv", "--on-bad", "ignore"],
        ["f.csv", "--nonsense"],
    ],
)
def test_it_ends_with_2_on_wrong_usage(arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err and "Traceback" not in err


def test_it_refuses_a_timeframe_that_does_not_fit(tmp_path: Path) -> None:
    found = report(file(tmp_path, *daily(5)), "--timeframe", "1h", code=1)
    assert (found["read"], found["rejected"]) == (5, 5)
    assert "as for 1d" in found["problems"][0]["reason"]


def test_it_names_the_instrument_as_told_and_says_so(tmp_path: Path) -> None:
    found = report(file(tmp_path, *daily(5, symbol="SPY.US")), "--symbol", "SPY")
    assert list(found["instruments"]) == ["SPY"]
    assert "calls the instrument SPY.US" in found["warnings"][0]


def test_it_puts_instruments_into_a_universe(tmp_path: Path) -> None:
    report(file(tmp_path, *daily(3, symbol="A"), *daily(3, symbol="B")), "--universe", "mine")
    assert list(Universe.objects.get(name="mine").instruments.values_list("symbol", flat=True)) == ["A", "B"]


def test_it_keeps_the_name_all_for_all(tmp_path: Path) -> None:
    code, _, err = run(file(tmp_path, *daily(3)), "--universe", "all")
    assert code == 1 and "can't be named 'all'" in err
    assert not Series.objects.exists()


def test_it_lists_problems_up_to_a_limit_and_counts_the_rest(tmp_path: Path) -> None:
    found = report(file(tmp_path, *daily(3), *[BAD] * (LISTED + 5)), "--on-bad", "skip")
    assert (len(found["problems"]), found["problems_omitted"]) == (LISTED, 5)


def other_database(folder: Path) -> str:
    path = folder / "team data.sqlite3"
    with sqlite3.connect(path) as db:
        for name in ("spy_1d", "spy_live"):
            db.execute(f'CREATE TABLE {name} ("Date" text, open real, high real, low real, "close" real, volume real)')
        rows = [(f"2020-01-0{i} 00:00:00", 10, 11, 9, 10, i) for i in range(1, 6)]
        db.executemany("INSERT INTO spy_1d VALUES (?, ?, ?, ?, ?, ?)", rows)
        later = [(f"2020-01-0{i}", 10, 11, 9, 10 + (i == 5), i) for i in range(4, 8)]
        db.executemany("INSERT INTO spy_live VALUES (?, ?, ?, ?, ?, ?)", later)
        db.execute('CREATE TABLE "odd ""name" (ticker text, t text, o real, h real, l real, c real)')
        odd = [(s, f"2020-01-0{i}", 2, 3, 1, 2) for s in ("SPY", "QQQ") for i in (1, 2)]
        db.executemany('INSERT INTO "odd ""name" VALUES (?, ?, ?, ?, ?, ?)', odd)
        db.execute("CREATE TABLE notes (text text)")
    return f"sqlite:///{quote(str(path))}"


def test_it_merges_tables_of_another_database(tmp_path: Path) -> None:
    dsn = other_database(tmp_path)
    found = report("--from-database", dsn, "--table", "spy_1d", "spy_live", "--symbol", "SPY")
    assert (found["read"], found["inserted"], found["duplicates"], found["rejected"]) == (9, 7, 1, 1)
    assert found["overruled"] == 1
    assert load_bars(series_get("SPY", "1d")).close.tolist() == [10, 10, 10, 10, 11, 10, 10]


def test_it_takes_one_symbol_of_a_table_with_many(tmp_path: Path) -> None:
    found = report("--from-database", other_database(tmp_path), "--table", 'odd "name', "--symbol", "QQQ")
    assert found["read"] == 2
    assert list(found["instruments"]) == ["QQQ"]


@pytest.mark.parametrize(
    ("dsn", "table", "says"),
    [
        ("sqlite:////nowhere/x.sqlite3", "t", "no database file"),
        ("mysql://u:p@h/n", "t", "postgres://"),
        ("postgres://u:s3cret@127.0.0.1:1/n", "t", "refused"),
        ("", "missing; DROP TABLE spy_1d", "no such table"),
        ("", "notes", "No column"),
    ],
)
def test_it_says_why_another_database_can_not_be_read(tmp_path: Path, dsn: str, table: str, says: str) -> None:
    code, _, err = run("--from-database", dsn or other_database(tmp_path), "--table", table, "--symbol", "SPY")
    assert code == 1
    assert says in err
    assert "s3cret" not in err and "Traceback" not in err


@pytest.mark.django_db(transaction=True)
def test_it_reads_tables_of_postgresql(tmp_path: Path) -> None:
    if connection.vendor != "postgresql":
        dsn = other_database(tmp_path)
        table = "spy_1d"
    else:
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA IF NOT EXISTS backtest")
            cursor.execute("DROP TABLE IF EXISTS backtest.spy_1d")
            cursor.execute(
                "CREATE TABLE backtest.spy_1d AS "
                "SELECT timestamptz '2020-01-01 00:00+00' + i * interval '1 day' AS date, "
                "10::numeric AS open, 11::numeric AS high, 9::numeric AS low, 10::numeric AS close, 5 AS volume "
                "FROM generate_series(0, 4) AS i"
            )
        config = connection.settings_dict
        login = f"{quote(config['USER'])}:{quote(config['PASSWORD'])}"
        host = quote(config["HOST"], safe="")  # the throw-away server is reached by a socket's folder
        dsn = f"postgres://{login}@{host}:{config['PORT'] or 5432}/{config['NAME']}"
        table = "backtest.spy_1d"
    found = report("--from-database", dsn, "--table", table, "--symbol", "SPY")
    assert found["inserted"] == 5
    assert found["instruments"]["SPY"]["first"] == "2020-01-01T00:00:00Z"


def _everything_stored() -> str:
    """Every value of every table."""
    with connection.cursor() as cursor:
        parts = []
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            parts += [str(bytes(value) if isinstance(value, memoryview) else value) for row in cursor for value in row]
    return "\n".join(parts)


@pytest.fixture(scope="module")
def team() -> Iterator[str]:
    """The address of a PostgreSQL that asks for a password, with bars."""
    with postgres.server() as other:
        with closing(psycopg2.connect(other.url())) as line, line, line.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE spy_1d AS SELECT date '2020-01-01' + i AS date, 10 AS open, 11 AS high, 9 AS low, "
                "10 AS close, 5 AS volume FROM generate_series(0, 4) AS i"
            )
        yield other.require_password("hidden1@x")


@pytest.mark.processes
@pytest.mark.parametrize(
    ("address", "code"),
    [
        (lambda dsn: dsn, 0),
        (lambda dsn: dsn.replace("hidden1", "hidden12"), 1),  # wrong
        (lambda dsn: "postgres://me:hidden1@127.0.0.1:1/x", 1),  # nobody there
        (lambda dsn: "postgres://me:hidden1@nowhere.invalid/x", 1),
        (lambda dsn: "postgres://me:a@hidden1@127.0.0.1:1/x", 1),  # not percent-encoded
        (lambda dsn: "postgres://me:1/hidden1@127.0.0.1/x", 1),
        (lambda dsn: "postgres://me:1#hidden1@127.0.0.1/x", 1),
        (lambda dsn: "postgres://me:hidden1", 1),
        (lambda dsn: "postgres://me:[hidden1@127.0.0.1:1/x", 1),
        (lambda dsn: "postgres://me:hidden1@127.0.0.1:1/x?unknown=1", 1),
        (lambda dsn: "me:hidden1@127.0.0.1", 1),
    ],
)
def test_the_password_of_another_database_is_nowhere(
    caplog: pytest.LogCaptureFixture, team: str, address: Any, code: int
) -> None:
    caplog.set_level(logging.DEBUG)
    arguments = ("--from-database", address(team), "--table", "spy_1d", "--symbol", "SPY", "--verbosity", "3")
    got, out, err = run(*arguments)
    assert (got, bool(err)) == (code, code != 0)
    assert PriceBar.objects.exists() == (code == 0)
    for said in (out, err, caplog.text, _everything_stored()):
        assert "hidden1" not in said and "Traceback" not in said


@pytest.mark.parametrize("name", BOMBS)
def test_it_refuses_a_parquet_bomb_before_it_is_unpacked(name: str, tmp_path: Path) -> None:
    make, says = BOMBS[name]
    path = tmp_path / "SPY.parquet"
    path.write_bytes(make())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    code, _, err = run(path)
    assert code == 1 and re.search(says, err), err
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "kB more than there were at most"
    assert not PriceBar.objects.exists()


def test_it_refuses_parquet_that_would_be_too_large_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "SPY.parquet"
    path.write_bytes(parquet(prices(1_000)))
    monkeypatch.setattr("instruments.sources.files._UNPACKED", 100)
    code, _, err = run(path)
    assert code == 1 and "bytes unpacked; 100 are the most. Split it." in err
