"""Makes what the tests of this folder hold later code against: a database and artifacts of release 0.1.0.

Run in a checkout of commit ffb32d8 (0.1.0), with its environment active and PostgreSQL's server installed:

    python -m tests.legacy.make

It has story.py told once, by the product's own services, API and commands, on SQLite, and copies its rows to
PostgreSQL, so that one set of answers and one folder of artifacts serve both. Written beside this file:
`sqlite.sql.gz`, `postgres.sql.gz`, `artifacts.tar.gz` and `answers.json`. Prices are seeded; ids, times and the texts
of tokens are new each time.
"""

import gzip
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connections, transaction

from tests.postgres import find_binaries, server

HERE = Path(__file__).resolve().parent


def copy_rows() -> None:
    """All rows of the SQLite file named by LEGACY_FROM into the migrated database of DATABASE_URL, as they are."""
    call_command("migrate", "--no-input", verbosity=0)
    there = connections["default"]
    models = [model for model in apps.get_models(include_auto_created=True) if not model._meta.proxy]
    tables = ", ".join(there.ops.quote_name(model._meta.db_table) for model in models)
    with transaction.atomic(), there.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # no triggers, and rows come in any order
        cursor.execute(f"TRUNCATE {tables}")
        for model in models:
            fields = model._meta.concrete_fields
            names = ", ".join(there.ops.quote_name(field.column) for field in fields)
            marks = ", ".join(["%s"] * len(fields))
            lines = model._base_manager.using("story").order_by("pk").values_list(*(field.attname for field in fields))
            cursor.executemany(
                f"INSERT INTO {there.ops.quote_name(model._meta.db_table)} ({names}) VALUES ({marks})",
                [
                    [field.get_db_prep_save(value, there) for field, value in zip(fields, line, strict=True)]
                    for line in lines
                ],
            )
        for statement in there.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def _python(*arguments: str, home: Path, url: str, **more: str) -> str:
    env = {**os.environ, "BOURSOMATIC_TEST_HOME": str(home), "DATABASE_URL": url, **more}
    done = subprocess.run(
        [sys.executable, *arguments], env=env, cwd=HERE.parents[1], stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode()


def _pack(name: str, content: bytes) -> None:
    (HERE / name).write_bytes(gzip.compress(content, 9, mtime=0))


def _tar(folder: Path) -> bytes:
    """Names below the artifact root; nobody's, and of no time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                about = tarfile.TarInfo(str(path.relative_to(folder)))
                about.size = path.stat().st_size
                with path.open("rb") as file:
                    tar.addfile(about, file)
    return buffer.getvalue()


def _plain_sql(dumped: str) -> str:
    """Of what pg_dump wrote, what every server and driver understands: no commands of psql, and of the settings in its
    head only those that its text needs."""
    lines = [line for line in dumped.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
    body = next(number for number, line in enumerate(lines) if line.startswith("CREATE "))
    needed = ("SET client_encoding", "SET standard_conforming_strings", "SELECT ")
    head = [line for line in lines[:body] if line.startswith(needed)]
    return "\n".join([*head, *lines[body:]]) + "\n"


def _to_postgres(sqlite: Path, asks: Path, home: Path) -> tuple[str, dict[str, Any]]:
    """The dump, and what is answered from it."""
    with server() as made:
        _python("-m", "tests.legacy.make", "copy", home=home, url=made.url(), LEGACY_FROM=str(sqlite))
        binaries = find_binaries()
        assert binaries is not None
        dumped = subprocess.run(
            [binaries / "pg_dump", "--no-owner", "--no-privileges", "--no-comments", "--rows-per-insert=50",
             "-h", made.folder, "-U", "boursomatic", "postgres"],
            stdout=subprocess.PIPE, check=True,
        ).stdout.decode()  # fmt: skip
        said = json.loads(_python("-m", "tests.legacy.ask", "answers", str(asks), home=home, url=made.url()))
    return _plain_sql(dumped), said


def make() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home, asks = Path(folder, "home"), Path(folder, "asks.json")
        home.mkdir()
        sqlite = home / "boursomatic.sqlite3"
        told = _python("-m", "tests.legacy.story", home=home, url="", BOURSOMATIC_HOME=str(home))
        asks.write_text(told)
        with closing(sqlite3.connect(sqlite)) as database:
            text = "\n".join(database.iterdump())
        # SQLite writes 21 digits of a number where 17 say the same.
        text = re.sub(r"-?\d\.\d{17,20}e[+-]\d+", lambda number: repr(float(number[0])), text)
        _pack("sqlite.sql.gz", text.encode())
        _pack("artifacts.tar.gz", _tar(home / "artifacts"))
        dumped, on_postgres = _to_postgres(sqlite, asks, home)  # before SQLite is asked, which keeps what is said
        _pack("postgres.sql.gz", dumped.encode())
        said = json.loads(_python("-m", "tests.legacy.ask", "answers", str(asks), home=home, url=""))
        if said != on_postgres:
            Path(HERE, "differs.json").write_text(json.dumps([said, on_postgres]))
            raise RuntimeError("SQLite and PostgreSQL answer differently: see differs.json")
        asked = json.loads(told)
        known = [{**ask, **found} for ask, found in zip(asked.pop("asks"), said.pop("answers"), strict=True)]
        head = json.dumps({**asked, **said}, sort_keys=True)
        lines = ",\n".join(json.dumps(one) for one in known)
        (HERE / "answers.json").write_text(f'{head[:-1]}, "answers": [\n{lines}\n]}}\n')


def main(what: str) -> None:
    if what == "make":
        make()
        return
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    settings.DATABASES["story"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["LEGACY_FROM"]}
    django.setup()
    copy_rows()


if __name__ == "__main__":
    main(*sys.argv[1:] or ["make"])
