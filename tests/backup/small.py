"""A database with nothing in it but what a backup reads, and files beside it: for what needs no site."""

import json
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from boursomatic.backup.artifacts import FolderArtifacts
from boursomatic.backup.database import Database
from boursomatic.backup.make import RUNS, Site
from boursomatic.backup.sqlite import SqliteDatabase

KNOWN = frozenset({("training", "0001_initial")})
TABLES = """
CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT);
CREATE TABLE django_session (session_key TEXT);
CREATE TABLE django_q_ormq (id INTEGER PRIMARY KEY);
CREATE TABLE training_workerprocess (id INTEGER PRIMARY KEY, beat_at TEXT);
CREATE TABLE training_trainingrun (id INTEGER PRIMARY KEY, run_id TEXT, deleted_at TEXT);
CREATE TABLE training_modelversion (id INTEGER PRIMARY KEY, run_id INTEGER, folder TEXT, files TEXT);
CREATE TABLE filler (content BLOB);
INSERT INTO django_migrations (app, name) VALUES ('training', '0001_initial'), ('training', '0000_long_gone');
INSERT INTO django_session VALUES ('the key of a session that nobody may find');
"""


def small_site(home: Path) -> Site:
    """One model, `one`, of a file of 5 bytes."""
    home.mkdir(parents=True, exist_ok=True)
    path = home / "boursomatic.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(TABLES)
    site = Site(SqliteDatabase(path), FolderArtifacts(home / "artifacts"), "1.2.0+abc", KNOWN, (home / "artifacts",))
    add_model(site, "one", b"trees")
    return site


def add_model(site: Site, name: str, content: bytes) -> Path:
    """A run with a model of one file, which is returned."""
    file = site.artifacts.root / RUNS / name / "model.txt"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    with closing(connect(site.database)) as connection, connection:
        run = connection.execute("INSERT INTO training_trainingrun (run_id) VALUES (?)", (name,)).lastrowid
        files = json.dumps({"model.txt": sha256(content).hexdigest()})
        values = (run, f"{RUNS}/{name}", files)
        connection.execute("INSERT INTO training_modelversion (run_id, folder, files) VALUES (?, ?, ?)", values)
    return file


def connect(database: Database) -> sqlite3.Connection:
    assert isinstance(database, SqliteDatabase)
    return sqlite3.connect(database.path, timeout=20)
