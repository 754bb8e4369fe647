"""A PostgreSQL database dumped by pg_dump and brought back by pg_restore. Passwords go by the environment alone."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ, make_dsn, parse_dsn

from boursomatic.backup.database import BEAT_S, TRANSIENT, UNDELETED_SQL, Contents, Tell, read_contents
from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.files import FILE_MODE
from boursomatic.shared.processes import die_with_parent
from boursomatic.shared.whole_file import flush

TABLES_SQL = "SELECT tablename FROM pg_tables WHERE schemaname = ANY (current_schemas(false))"
POLL_S = 0.3


class PostgresDatabase:
    """`conninfo`: keywords of libpq, as `dbname`, `host`, `password`."""

    vendor = "postgresql"
    file_name = "database.pgdump"

    def __init__(self, conninfo: Mapping[str, str]) -> None:
        self._conninfo = {name: str(value) for name, value in conninfo.items() if value not in ("", None)}

    @classmethod
    def of_dsn(cls, dsn: str) -> "PostgresDatabase":
        """Of `postgres://user@host:port/name`. Raises BackupRefused where libpq can't read it."""
        try:
            return cls(parse_dsn(dsn))
        except psycopg2.ProgrammingError:
            raise BackupRefused("The DSN can't be read. Write postgres://user@host:port/name.") from None

    @classmethod
    def of_settings(cls, config: Mapping[str, Any]) -> "PostgresDatabase":
        """Of an entry of Django's DATABASES."""
        names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
        options = {name: value for name, value in config.get("OPTIONS", {}).items() if isinstance(value, str)}
        return cls({libpq: config.get(name, "") for name, libpq in names.items()} | options)

    def dump(self, target: Path, tell: Tell) -> Contents:
        with self._connection() as connection:
            connection.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
            snapshot = _rows(connection, "SELECT pg_export_snapshot()")[0][0]
            os.close(os.open(target, os.O_CREAT | os.O_EXCL, FILE_MODE))
            left_out = [f"--exclude-table-data=*.{table}" for table in TRANSIENT]
            self._run("pg_dump", "--format=custom", f"--snapshot={snapshot}", *left_out, f"--file={target}", tell=tell)
            tables = [name for (name,) in _rows(connection, TABLES_SQL)]
            contents = read_contents(_version(connection), tables, lambda sql: _rows(connection, sql))
        flush(target)
        return Contents(**{**vars(contents), "tables": contents.tables | dict.fromkeys(TRANSIENT, 0)})

    def restore(self, dump: Path, tell: Tell) -> None:
        """All of it or, killed in the middle, nothing. Raises BackupRefused."""
        options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
        self._run("pg_restore", *options, str(dump), tell=tell)

    def tables(self) -> list[str]:
        with self._connection() as connection:
            return sorted(name for (name,) in _rows(connection, TABLES_SQL))

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        with self._connection() as connection:
            names = [name for (name,) in _rows(connection, TABLES_SQL)]
            return {name: _rows(connection, f'SELECT count(*) FROM "{name}"')[0][0] for name in names}

    def undeleted_models(self) -> frozenset[str]:
        with self._connection() as connection:
            return frozenset(row[0] for row in _rows(connection, UNDELETED_SQL))

    def is_beaten(self) -> bool:
        with self._connection() as connection:
            if ("training_workerprocess",) not in _rows(connection, TABLES_SQL):
                return False
            recent = f"beat_at > clock_timestamp() - interval '{BEAT_S} seconds'"
            return bool(_rows(connection, f"SELECT 1 FROM training_workerprocess WHERE {recent} LIMIT 1"))

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        try:
            with closing(psycopg2.connect(**self._conninfo)) as connection:
                yield connection
        except psycopg2.Error as problem:
            first = str(problem).strip().splitlines()[0]
            raise BackupRefused(f"The database can't be used: {first}.") from None

    def _run(self, name: str, *options: str, tell: Tell) -> None:
        """One of PostgreSQL's programs, to its end; with this process it ends too."""
        with self._connection() as connection:
            program = _program(name, connection.server_version // 10_000)
        address = make_dsn(**{key: value for key, value in self._conninfo.items() if key != "password"})
        password = {"PGPASSWORD": self._conninfo["password"]} if "password" in self._conninfo else {}
        parent = os.getpid()
        process = subprocess.Popen(
            [program, "--no-password", f"--dbname={address}", *options],
            env={**os.environ, **password},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509  (no other thread takes part)
        )
        try:
            while process.poll() is None:
                tell(0.5, "database")
                try:
                    _, complaint = process.communicate(timeout=POLL_S)
                    break
                except subprocess.TimeoutExpired:
                    continue
            else:
                _, complaint = process.communicate()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode:
            lines = complaint.decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
            raise BackupRefused(f"{name} failed: {lines[0].removeprefix(f'{name}: error: ')}.")


def _rows(connection: Any, sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _version(connection: Any) -> str:
    return str(_rows(connection, "SHOW server_version")[0][0])


def _program(name: str, server: int) -> str:
    """The oldest on this host that is as new as the server, whose major version is given: what a newer pg_restore says
    the server may not understand."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")  # Debian keeps them off the PATH
    paths = [str(folder / name) for folder in folders if (folder / name).exists()]
    paths += [path for path in (shutil.which(name),) if path]
    versions = {path: version for path in paths if (version := _major(path))}
    if not versions:
        raise BackupRefused(f"{name} is missing on this host. On Debian or Ubuntu: apt-get install postgresql-client.")
    fitting = [path for path, version in versions.items() if version >= server]
    if not fitting:
        raise BackupRefused(
            f"{name} is of PostgreSQL {max(versions.values())}, the server of {server}. "
            f"Install the client of {server} on this host (postgresql-client-{server})."
        )
    return min(fitting, key=lambda path: versions[path])


def _major(path: str) -> int:
    """0 where it doesn't run."""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\) (\d+)", done.stdout)
    return int(found[1]) if done.returncode == 0 and found else 0
