"""What a restore refuses, and that it changes nothing then. Whole sites are restored in test_site.py."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from boursomatic.backup.artifacts import FolderArtifacts
from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.files import locked
from boursomatic.backup.make import RUNS, Site, backup_make
from boursomatic.backup.manifest import NAME
from boursomatic.backup.restore import DATABASE, LOCK, PostgresTarget, Restored, SqliteTarget, Target, restore
from tests.backup.small import KNOWN, add_model, small_site

MODEL = f"artifacts/{RUNS}/one/model.txt"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return small_site(tmp_path / "lost")


@pytest.fixture
def backup(site: Site, tmp_path: Path) -> Path:
    return backup_make(Site(**{**vars(site), "secret": "s" * 50}), tmp_path / "backups").folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def brought(folder: Path, target: Target) -> Restored:
    return restore(folder, target, code_version="1.2.0+def", known_migrations=KNOWN, settle=lambda manifest, env: {})


def refused(folder: Path, home: Path, sentence: str) -> None:
    """With this sentence, and nothing is in the home that was not there before."""
    before = listed(home)
    with pytest.raises(BackupRefused, match=sentence):
        brought(folder, SqliteTarget(home))
    assert listed(home) - {LOCK} == before - {LOCK}


def listed(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*")}


def test_it_brings_everything_back(site: Site, backup: Path, home: Path) -> None:
    (site.artifacts.root / RUNS / "one/model.txt").chmod(0o640)
    restored = brought(backup, SqliteTarget(home))
    assert (home / MODEL).read_bytes() == b"trees"
    assert (home / "secret_key").read_text() == "s" * 50
    assert {path.stat().st_mode & 0o777 for path in (home / DATABASE, home / "secret_key")} == {0o600}
    assert restored.counts["training_modelversion"] == 1
    assert listed(home) == {
        DATABASE,
        "secret_key",
        LOCK,
        "artifacts",
        f"artifacts/{RUNS}",
        f"artifacts/{RUNS}/one",
        MODEL,
    }
    with closing(sqlite3.connect(home / DATABASE)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_home_that_was_only_started_counts_as_empty(backup: Path, home: Path) -> None:
    """Reading the settings makes these."""
    for name in ("artifacts", "logs", "static", "backups"):
        (home / name).mkdir(parents=True)
    (home / "secret_key").write_text("generated")
    brought(backup, SqliteTarget(home))
    assert (home / "secret_key").read_text() == "s" * 50
    assert (home / "secret_key.before").read_text() == "generated"


def _change(folder: Path) -> None:
    (folder / MODEL).write_bytes(b"tree5")


def _lose(folder: Path) -> None:
    (folder / MODEL).unlink()


def _link(folder: Path) -> None:
    _lose(folder)
    (folder / MODEL).symlink_to("/etc/hostname")


def _link_folder(folder: Path) -> None:
    shutil.rmtree(folder / "artifacts")
    (folder / "artifacts").symlink_to("/etc")


def _add(folder: Path) -> None:
    (folder / "artifacts" / "more").write_text("")


def _cut(folder: Path) -> None:
    path = folder / "database.sqlite3"
    os.truncate(path, path.stat().st_size - 1)


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (_change, rf"{MODEL} was changed: its SHA-256"),
        (_cut, r"database\.sqlite3 was changed"),
        (_lose, rf"{MODEL} is missing"),
        (_link, rf"{MODEL} is neither file nor folder"),
        (_link_folder, "artifacts is neither file nor folder"),
        (_add, "artifacts/more isn't in the manifest"),
        (lambda folder: (folder / NAME).unlink(), "is no whole backup"),
        (lambda folder: (folder / NAME).write_text("{}"), "is damaged"),
        (lambda folder: (folder / NAME).write_text("torn"), "is damaged"),
    ],
)
def test_it_refuses_a_backup_that_is_not_whole(
    backup: Path, home: Path, harm: Callable[[Path], object], sentence: str
) -> None:
    harm(backup)
    refused(backup, home, sentence)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"code_version": "1.10.0+abc"}, r"of a newer version, 1\.10\.0\+abc; this is 1\.2\.0"),
        ({"migrations": {"training": ["0001_initial", "0099_later"]}}, r"training\.0099_later is unknown here"),
        ({"format": 2}, "a format that this version can't read"),
        ({"vendor": "postgresql"}, "it is restored into a DSN"),
        ({"extra": 1}, "is damaged"),
    ],
)
def test_it_refuses_what_it_can_not_read(backup: Path, home: Path, change: dict[str, Any], sentence: str) -> None:
    stored = json.loads((backup / NAME).read_bytes())
    (backup / NAME).write_text(json.dumps(stored | change))
    refused(backup, home, sentence)


@pytest.mark.parametrize("path", ["../outside", "/etc/hostname", "artifacts/../../outside", "./database.sqlite3"])
def test_it_refuses_a_path_outside(backup: Path, home: Path, path: str) -> None:
    stored = json.loads((backup / NAME).read_bytes())
    stored["files"][path] = stored["files"].pop(MODEL)
    (backup / NAME).write_text(json.dumps(stored))
    refused(backup, home, "outside of it")


def test_it_refuses_a_home_in_use(site: Site, backup: Path, home: Path, tmp_path: Path) -> None:
    home.mkdir()
    with locked(home / LOCK, ""):
        refused(backup, home, "is in use: it is being served or restored")
    refused(backup, tmp_path / "lost", "has a database already")
    with closing(sqlite3.connect(tmp_path / "lost" / DATABASE)) as connection, connection:
        beat = datetime.fromtimestamp(time.monotonic(), tz=UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        connection.execute("INSERT INTO training_workerprocess (beat_at) VALUES (?)", (beat,))
    refused(backup, tmp_path / "lost", "Workers are at work")


def test_it_puts_nothing_over_a_torn_database(backup: Path, home: Path) -> None:
    home.mkdir()
    (home / DATABASE).write_text("torn")
    refused(backup, home, "has a database already. Restore into a new folder, or move it away")


def test_it_refuses_a_home_that_is_not_empty(backup: Path, home: Path) -> None:
    home.mkdir()
    (home / "letters").write_text("")
    refused(backup, home, "isn't empty: it holds letters")
    (home / "letters").unlink()
    other = home / "artifacts" / RUNS / "two" / "model.txt"
    other.parent.mkdir(parents=True)
    other.write_text("x")
    refused(backup, home, rf"isn't empty: it holds {RUNS}/two/model.txt")


def test_it_names_a_backup_where_the_folder_of_all_was_given(backup: Path, home: Path) -> None:
    refused(backup.parent, home, f"holds 1 backups. Name one of them, as {backup}")
    refused(home, home, "is no whole backup")


def test_it_refuses_a_dsn_that_can_not_be_read_and_says_no_password(backup: Path, home: Path) -> None:
    with pytest.raises(BackupRefused, match="can't be read") as refusal:
        PostgresTarget("postgres://me:hushhush@[host/name", home=home, artifacts=FolderArtifacts(home / "artifacts"))
    assert "hushhush" not in str(refusal.value)
    target = PostgresTarget(
        "postgres://me:hushhush@127.0.0.1:1/name", home=home, artifacts=FolderArtifacts(home / "artifacts")
    )
    with pytest.raises(BackupRefused, match="can't be used: connection to server at") as refusal:
        target.require_empty()
    assert "hushhush" not in str(refusal.value)


def test_what_fails_leaves_no_database(backup: Path, home: Path) -> None:
    def fail(manifest: object, environment: object) -> dict[str, Any]:
        raise BackupRefused("It could not be brought up to date.")

    with pytest.raises(BackupRefused, match="brought up to date"):
        restore(backup, SqliteTarget(home), code_version="1.2.0", known_migrations=KNOWN, settle=fail)
    assert listed(home) == {LOCK}
    brought(backup, SqliteTarget(home))


KILLED = """
import os, signal, sys
from pathlib import Path
from boursomatic.backup import restore as module
from tests.backup.small import KNOWN
folder, home, at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
calls = 0
def trace(frame, event, argument):
    global calls
    if event == "call" and frame.f_code.co_filename.endswith(("backup/restore.py", "backup/files.py")):
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
target = module.SqliteTarget(home)
sys.setprofile(trace)
module.restore(folder, target, code_version="1.2.0", known_migrations=KNOWN, settle=lambda manifest, env: {})
sys.setprofile(None)
"""


def test_killed_anywhere_it_leaves_no_database_or_all_of_it(site: Site, tmp_path: Path) -> None:
    """At each call of a function on its way, until one comes to the end; then begun again."""
    add_model(site, "two", b"more trees")
    backup = backup_make(site, tmp_path / "backups").folder
    whole = 0
    for at in range(1, 200, 3):
        home = tmp_path / f"home{at}"
        died = subprocess.run([sys.executable, "-c", KILLED, str(backup), str(home), str(at)], check=False)
        if (home / DATABASE).exists():
            whole += 1
        else:
            assert died.returncode == -9
            brought(backup, SqliteTarget(home))
        names = {f"artifacts/{RUNS}/{name}/model.txt" for name in ("one", "two")}
        assert {path for path in listed(home) if (home / path).is_file()} - {LOCK} == {DATABASE, *names}
        if died.returncode == 0:
            break
    assert died.returncode == 0 and whole and at > 20
