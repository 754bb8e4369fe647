"""A SQLite database copied while it is written to."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from boursomatic.backup.database import BEAT_S, TRANSIENT, UNDELETED_SQL, Contents, Tell, read_contents
from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.files import FILE_MODE
from boursomatic.shared.whole_file import flush

PAGES = 4096  # of a step: 16 MB
TIMEOUT_S = 20.0


class SqliteDatabase:
    vendor = "sqlite"
    file_name = "database.sqlite3"

    def __init__(self, path: Path) -> None:
        self.path = path

    def dump(self, target: Path, tell: Tell) -> Contents:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL, FILE_MODE))
        with self._refusing(), closing(self._connect()) as source, closing(_open(target)) as copy:
            # The open transaction is a snapshot (the log is written ahead), so that a step never begins again because
            # somebody wrote since the last one: under steady writes a copy without it never comes to its end.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy, pages=PAGES, progress=lambda _, left, pages: tell(1 - left / max(pages, 1), "database"))
            source.execute("ROLLBACK")
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
            copy.execute("PRAGMA secure_delete = ON")  # the keys of sessions are gone from its pages too
            tables = _tables(copy)
            for table in TRANSIENT:
                if table in tables:
                    copy.execute(f'DELETE FROM "{table}"')
            if (verdict := copy.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise BackupRefused(self._damaged(verdict.splitlines()[0]))
            contents = read_contents(sqlite3.sqlite_version, tables, lambda sql: copy.execute(sql).fetchall())
        flush(target)
        return contents

    def undeleted_models(self) -> frozenset[str]:
        with self._refusing(), closing(self._connect()) as connection:
            return frozenset(row[0] for row in connection.execute(UNDELETED_SQL))

    def is_beaten(self) -> bool:
        """On the monotonic clock of the host, as `training.queue.clock` writes it. Nobody works on a torn one."""
        try:
            with closing(self._connect()) as connection:
                beats = connection.execute("SELECT beat_at FROM training_workerprocess").fetchall()
        except sqlite3.DatabaseError:
            return False
        times = (datetime.fromisoformat(beat).replace(tzinfo=UTC).timestamp() for (beat,) in beats)
        return any(abs(time.monotonic() - at) < BEAT_S for at in times)

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        with self._refusing(), closing(self._connect()) as connection:
            query = 'SELECT count(*) FROM "{}"'
            return {table: connection.execute(query.format(table)).fetchone()[0] for table in _tables(connection)}

    def close_log(self) -> None:
        """Everything is in the one file, and no log beside it."""
        with self._refusing(), closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")

    def _connect(self) -> sqlite3.Connection:
        """Makes no file where there is none."""
        address = f"file:{quote(str(self.path.absolute()))}?mode=rw"
        return sqlite3.connect(address, uri=True, timeout=TIMEOUT_S, isolation_level=None)

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """SQLite's complaints as sentences."""
        try:
            yield
        except sqlite3.OperationalError as problem:
            raise BackupRefused(f"The database {self.path} can't be copied: {problem}.") from None
        except sqlite3.DatabaseError as problem:
            raise BackupRefused(self._damaged(str(problem))) from None

    def _damaged(self, what: str) -> str:
        return f"The database {self.path} is damaged ({what}). Nothing was written; restore the newest backup."


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def _tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    return [name for (name,) in rows]
