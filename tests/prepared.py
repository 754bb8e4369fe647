"""What is costly to make is made once a session: its rows and files are laid down again wherever a test wants the same.

Only for what a test starts from. What it is about is made by the test itself.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction

from training.models import DeployedRelease, StoreMarker

_OF_MIGRATE = {"auth", "contenttypes"}  # people, roles and permissions are there before
_ROWS_OF_MIGRATE = (DeployedRelease, StoreMarker)
_snapshots: dict[str, "Snapshot"] = {}


@dataclass(frozen=True)
class Snapshot:
    """Rows by table, as the database wrote them, and files of models."""

    rows: dict[str, Any]
    files: dict[Path, bytes]


def prepare(name: str, make: Callable[[], object]) -> None:
    """What `make` makes, laid down again from the second time on. Where a test has such rows of its own already, whose
    keys might be the same, it is made anew."""
    has_rows = any(_has_rows(table) for table in (_snapshots[name].rows if name in _snapshots else _tables()))
    if has_rows:
        make()
    elif name in _snapshots:
        _lay_down(_snapshots[name])
    else:
        before = _files()
        make()
        rows = {table: _read(table) for table in _tables() if _has_rows(table)}
        _snapshots[name] = Snapshot(rows, {path: path.read_bytes() for path in _files() - before})


def _files() -> set[Path]:
    return {path for path in Path(settings.ARTIFACT_ROOT).rglob("*") if path.is_file()}


def _tables() -> list[str]:
    models = apps.get_models(include_auto_created=True)
    mine = (model._meta for model in models if model not in _ROWS_OF_MIGRATE and model._meta.managed)
    return [meta.db_table for meta in mine if meta.app_label not in _OF_MIGRATE]


def _has_rows(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")
        return cursor.fetchone() is not None


def _lay_down(snapshot: Snapshot) -> None:
    with transaction.atomic():  # references are checked at its end
        for table, rows in snapshot.rows.items():
            _write(table, rows)
    for path, content in snapshot.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # a test may have put something in its place
        path.write_bytes(content)


def _read(table: str) -> Any:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            content = io.BytesIO()
            cursor.copy_expert(f"COPY {table} TO STDOUT", content)
            return content.getvalue()
        cursor.execute(f"SELECT * FROM {table}")
        return cursor.fetchall()


def _write(table: str, rows: Any) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.copy_expert(f"COPY {table} FROM STDIN", io.BytesIO(rows))
            cursor.execute(f"ANALYZE {table}")  # as autovacuum would
        else:
            cursor.executemany(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(rows[0]))})", rows)
