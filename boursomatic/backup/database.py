"""What a backup asks of a database, whichever it is. Plain SQL: no app may be imported here, and a restored database
may be of an older version than the models of today."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from boursomatic.backup.errors import BackupRefused

# Rows that mean nothing on another day: who is logged in, wake-ups of workers, processes that were there.
TRANSIENT = ("django_session", "django_q_ormq", "training_workerprocess")
MODELS_SQL = "SELECT folder, files FROM training_modelversion"
UNDELETED_SQL = (
    "SELECT model.folder FROM training_modelversion AS model "
    "JOIN training_trainingrun AS run ON run.id = model.run_id WHERE run.deleted_at IS NULL"
)
BEAT_S = 15.0  # a worker process that has beaten within it is there

Tell = Callable[[float, str], None]  # (share from 0 to 1, what it is at)
Query = Callable[[str], Sequence[Sequence[Any]]]


@dataclass(frozen=True)
class Contents:
    """What a dump holds: rows of each table, migrations of each app in their order, hashes of the files of each model's
    folder, and every run's id."""

    server: str
    tables: dict[str, int]
    migrations: dict[str, list[str]]
    models: dict[str, dict[str, str]]
    runs: frozenset[str]


class Database(Protocol):
    vendor: str
    file_name: str  # of its dump

    def dump(self, target: Path, tell: Tell) -> Contents:
        """Writes it as it is at one moment into a new file, while others go on writing. Raises BackupRefused."""

    def undeleted_models(self) -> frozenset[str]:
        """Folders of the models whose run nobody has deleted, as of now."""

    def is_beaten(self) -> bool:
        """Whether workers are at work on it."""


def read_contents(server: str, tables: Sequence[str], query: Query) -> Contents:
    """`tables` by name, of a database whose rows `query` returns. Raises BackupRefused where it holds no site."""
    if "training_modelversion" not in tables:
        raise BackupRefused("The database holds no site yet: there is nothing to back up. Migrate it first.")
    migrations: dict[str, list[str]] = {}
    for app, name in query("SELECT app, name FROM django_migrations ORDER BY id"):
        migrations.setdefault(app, []).append(name)
    return Contents(
        server=server,
        tables={table: query(f'SELECT count(*) FROM "{table}"')[0][0] for table in sorted(tables)},
        migrations=migrations,
        models={
            folder: json.loads(files) if isinstance(files, str) else dict(files) for folder, files in query(MODELS_SQL)
        },
        runs=frozenset(row[0] for row in query("SELECT run_id FROM training_trainingrun")),
    )
