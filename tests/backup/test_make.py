"""A backup is whole or not there, private, consistent, and shares what did not change."""

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.files import locked
from boursomatic.backup.generations import LOCK, generations, newest_of
from boursomatic.backup.make import RUNS, Site, backup_make
from boursomatic.backup.manifest import NAME, check_files, read_manifest
from boursomatic.backup.sqlite import SqliteDatabase
from tests.backup.small import add_model, connect, small_site

MODEL = f"artifacts/{RUNS}/one/model.txt"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return small_site(tmp_path / "home")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def left_in(place: Path) -> list[str]:
    return sorted({path.name for path in place.iterdir()} - {LOCK}) if place.is_dir() else []


def test_it_holds_what_it_says_and_nobody_else_may_read_it(site: Site, place: Path) -> None:
    before = os.umask(0)
    try:
        backup = backup_make(site, place)
    finally:
        os.umask(before)
    check_files(backup.folder, read_manifest(backup.folder))
    assert set(backup.manifest.files) == {"database.sqlite3", MODEL}
    assert backup.manifest.migrations == {"training": ["0001_initial"]}, "of code that is gone none is named"
    assert (backup.manifest.tables["training_modelversion"], backup.manifest.tables["django_session"]) == (1, 0)
    assert (
        backup.manifest.files[MODEL].mode
        == f"{(site.artifacts.root / RUNS / 'one/model.txt').stat().st_mode & 0o777:04o}"
    )
    modes = {path.stat().st_mode & 0o777 for path in place.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (place, *place.rglob("*")) if path.is_dir()} == {0o700}
    assert b"key of a session" not in (backup.folder / "database.sqlite3").read_bytes()


def test_a_disk_without_links_has_copies(site: Site, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")  # as exFAT and many a network disk

    backup_make(site, place)
    monkeypatch.setattr(os, "link", refuse)
    second = backup_make(site, place)
    check_files(second.folder, second.manifest)
    assert second.linked == 0 and (second.folder / MODEL).stat().st_nlink == 1


def test_it_has_the_secret_only_where_asked(site: Site, place: Path) -> None:
    assert not backup_make(site, place).manifest.has_secret
    backup = backup_make(Site(**{**vars(site), "secret": "s" * 50}), place)
    assert (backup.folder / "secret_key").read_text() == "s" * 50
    assert (backup.folder / "secret_key").stat().st_mode & 0o777 == 0o600


def test_writers_go_on_and_what_they_write_is_not_in_it(site: Site, place: Path) -> None:
    """Committed between any two steps of the copy, which begins not once again."""
    database = site.database
    with closing(connect(database)) as other, other:
        other.executemany("INSERT INTO filler VALUES (zeroblob(?))", [(1 << 20,)] * 80)
    shares = []

    def write(share: float, stage: str) -> None:
        with closing(connect(database)) as other, other:
            other.execute("INSERT INTO filler VALUES (zeroblob(?))", (1 << 20,))
        shares.append(share)

    place.mkdir()
    assert isinstance(database, SqliteDatabase)
    contents = database.dump(place / "copy", write)
    assert len(shares) > 4 and shares == sorted(shares)
    assert contents.tables["filler"] == 80
    assert database.counts()["filler"] == 80 + len(shares)


def test_it_shares_what_did_not_change(site: Site, place: Path) -> None:
    first = backup_make(site, place)
    add_model(site, "two", b"more trees")
    second, third = backup_make(site, place), backup_make(site, place)
    assert [len(each.manifest.artifacts) for each in (first, second, third)] == [1, 2, 2]
    assert [each.linked for each in (first, second, third)] == [0, 1, 2]
    assert len({(each.folder / MODEL).stat().st_ino for each in (first, second, third)}) == 1
    assert (first.folder / MODEL).stat().st_ino != (site.artifacts.root / RUNS / "one/model.txt").stat().st_ino
    fourth = backup_make(site, place, keep=3)
    assert list(fourth.removed) == [first.folder.name]
    assert [each.folder for each in generations(place)] == [fourth.folder, third.folder, second.folder]
    assert newest_of(place) == generations(place)[0]
    for each in generations(place):
        check_files(each.folder, each.manifest)


def test_it_hands_on_no_copy_that_has_rotted(site: Site, place: Path) -> None:
    rotten = backup_make(site, place).folder / MODEL
    times = rotten.stat()
    rotten.write_bytes(b"tree5")
    os.utime(rotten, ns=(times.st_atime_ns, times.st_mtime_ns))
    backup = backup_make(site, place)
    assert backup.linked == 0 and (backup.folder / MODEL).read_bytes() == b"trees"


def test_it_leaves_out_what_the_dump_does_not_know(site: Site, place: Path) -> None:
    """A run of another database, or published since: its files would belong to nothing after a restore."""
    (site.artifacts.root / RUNS / "unheard").mkdir()
    (site.artifacts.root / RUNS / "unheard" / "model.txt").write_text("x")
    assert set(backup_make(site, place).manifest.artifacts) == {f"{RUNS}/one/model.txt"}


def test_a_run_deleted_meanwhile_is_no_error_and_is_said(site: Site, place: Path) -> None:
    add_model(site, "two", b"more trees")

    def delete(share: float, stage: str) -> None:
        if stage == "files of models":
            with closing(connect(site.database)) as other, other:
                other.execute("UPDATE training_trainingrun SET deleted_at = 'now' WHERE run_id = 'two'")
            shutil.rmtree(site.artifacts.root / RUNS / "two", ignore_errors=True)

    backup = backup_make(site, place, tell=delete)
    assert list(backup.manifest.deleted_meanwhile) == [f"{RUNS}/two"]
    assert set(backup.manifest.artifacts) == {f"{RUNS}/one/model.txt"}


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"tree5")], ids=["missing", "changed"])
def test_it_refuses_a_model_whose_file_is_amiss(site: Site, place: Path, harm: object) -> None:
    backup_make(site, place)
    harm(site.artifacts.root / RUNS / "one" / "model.txt")  # type: ignore[operator]
    with pytest.raises(BackupRefused, match=r"one/model.txt is missing or was changed"):
        backup_make(site, place, keep=1)
    assert len(generations(place)) == len(left_in(place)) == 1, "the last backup that has it stays"


def test_one_is_kept_although_an_older_one_can_not_be_removed(
    site: Site, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = backup_make(site, place), backup_make(site, place)
    unlink = os.unlink

    def refuse(path: Any, *more: Any, **others: Any) -> None:
        """As of a folder that belongs to somebody else."""
        if path == "model.txt":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        unlink(path, *more, **others)

    monkeypatch.setattr(os, "unlink", refuse)
    third = backup_make(site, place, keep=2)
    assert [each.folder for each in generations(place)] == [third.folder, second.folder]
    stayed = f".partial-{first.folder.name}"
    assert not third.removed and "permission denied" in third.stayed[stayed]
    assert "is whole and kept" in third.advice and f"could not be removed: {stayed}. Remove" in third.advice
    monkeypatch.undo()
    fourth = backup_make(site, place, keep=2)
    assert fourth.removed == [second.folder.name] and not fourth.advice and len(left_in(place)) == 2


def test_it_refuses_a_torn_database(site: Site, place: Path) -> None:
    assert isinstance(site.database, SqliteDatabase)
    with closing(connect(site.database)) as other, other:
        other.executemany("INSERT INTO filler VALUES (zeroblob(?))", [(300,)] * 4000)
    with closing(connect(site.database)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with site.database.path.open("r+b") as file:
        file.seek(4096 * 40)
        file.write(b"\xff" * 4096 * 8)
    with pytest.raises(BackupRefused, match="is damaged"):
        backup_make(site, place)
    assert left_in(place) == []


def test_it_refuses_a_folder_that_is_copied_itself(site: Site) -> None:
    with pytest.raises(BackupRefused, match="which a backup must not"):
        backup_make(site, site.artifacts.root / "backups")


def test_it_refuses_a_folder_that_can_not_be_written(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackupRefused, match=r"could not be written: .*/file: file exists\. Nothing"):
        backup_make(site, tmp_path / "file" / "backups")


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 64 KB, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65_536, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("what", ["database", "file of a model"])
def test_it_leaves_nothing_on_a_full_disk(site: Site, place: Path, what: str, request: pytest.FixtureRequest) -> None:
    if what == "database":
        with closing(connect(site.database)) as other, other:
            other.execute("INSERT INTO filler VALUES (zeroblob(200000))")
    else:
        add_model(site, "two", b"t" * 200_000)
    request.getfixturevalue("small_files")
    with pytest.raises(BackupRefused, match=r"could not be written|can't be copied"):
        backup_make(site, place)
    assert left_in(place) == []


def test_two_at_once_are_not_made(site: Site, place: Path) -> None:
    place.mkdir()
    with locked(place / LOCK, ""), pytest.raises(BackupRefused, match="is under way"):
        backup_make(site, place)
    assert left_in(place) == []
    backup_make(site, place)


KILLED = """
import os, signal, sys
from pathlib import Path
from boursomatic.backup.artifacts import FolderArtifacts
from boursomatic.backup.make import RUNS, backup_make
from tests.backup.small import small_site, KNOWN
from boursomatic.backup.make import Site
from boursomatic.backup.sqlite import SqliteDatabase
home, place, at = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
site = Site(SqliteDatabase(home / "boursomatic.sqlite3"), FolderArtifacts(home / "artifacts"), "1.2.0", KNOWN, ())
def die(share, stage):
    if stage == at and share > 0.0:
        os.kill(os.getpid(), signal.SIGKILL)
backup_make(site, place, tell=die)
"""


@pytest.mark.parametrize("at", ["database", "files of models"])
def test_killed_in_the_middle_it_leaves_no_half_backup(site: Site, place: Path, at: str) -> None:
    first = backup_make(site, place)
    home = site.artifacts.root.parent
    died = subprocess.run([sys.executable, "-c", KILLED, str(home), str(place), at], check=False)
    assert died.returncode == -9
    assert len(left_in(place)) == 2 and [each.folder for each in generations(place)] == [first.folder]
    second = backup_make(site, place)
    assert left_in(place) == sorted([first.folder.name, second.folder.name]), "what was left over is gone"
    for folder in (first.folder, second.folder):
        check_files(folder, read_manifest(folder))


def test_its_manifest_can_be_read_by_others(site: Site, place: Path) -> None:
    backup = backup_make(site, place)
    stored = json.loads((backup.folder / NAME).read_bytes())
    assert stored["format"] == 1 and stored["files"][MODEL]["bytes"] == 5
    assert {"code_version", "migrations", "tables", "made_at", "vendor", "server", "deleted_meanwhile"} <= set(stored)
