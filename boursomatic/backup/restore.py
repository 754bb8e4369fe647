"""A backup brought back into an empty home or database: everything is checked before anything is written, and what is
written shows at the end. Killed before that, a home has no database, and the same restore can be begun again."""

import os
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from boursomatic.backup.artifacts import MARKER, Artifacts, FolderArtifacts
from boursomatic.backup.database import Tell
from boursomatic.backup.errors import BackupRefused, reason_of
from boursomatic.backup.files import copy_file, locked, make_folder, remove
from boursomatic.backup.generations import generations
from boursomatic.backup.manifest import ARTIFACTS, NAME, SECRET, Manifest, check_files, read_manifest
from boursomatic.backup.postgresql import PostgresDatabase
from boursomatic.backup.sqlite import SqliteDatabase
from boursomatic.serve.home import LOCK, OWN
from boursomatic.shared.whole_file import flush

DATABASE = "boursomatic.sqlite3"
SECRET_BEFORE = "secret_key.before"  # one that a restored one took the place of
_PARTIAL = ".partial-restore-"
# What a start makes by itself, what is a cache, and where backups are put: none of it makes a home a used one.
_HARMLESS = {*OWN, "backups", "tmp", LOCK, SECRET_BEFORE}

# (what was backed up, environment that names the database) -> what was done to it
Settle = Callable[[Manifest, Mapping[str, str]], dict[str, Any]]


class Loaded(Protocol):
    """A database that holds what was restored, and nothing else yet."""

    def counts(self) -> dict[str, int]: ...


Settling = Callable[[Mapping[str, str], Loaded], dict[str, Any]]


class Target(Protocol):
    vendor: str
    home: Path

    @property
    def artifacts(self) -> Artifacts: ...

    @property
    def environment(self) -> dict[str, str]:
        """For processes that work on what was restored."""

    def require_empty(self) -> None:
        """Raises BackupRefused where it is in use, or holds anything."""

    def prepare(self, dump: Path, settle: Settling) -> None:
        """What can be done before anybody sees it."""

    def finish(self, dump: Path, settle: Settling) -> dict[str, Any]:
        """Makes it seen; what `settle` has done."""

    def abandon(self) -> None:
        """Nothing of `prepare` is left."""


class SqliteTarget:
    """A home with its database in it. That is migrated beside its place and moved there last."""

    vendor = "sqlite"

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.database = SqliteDatabase(self.home / DATABASE)
        self._staged = self.home / f"{_PARTIAL}{uuid4().hex}.sqlite3"
        self._settled: dict[str, Any] = {}

    @property
    def artifacts(self) -> Artifacts:
        return FolderArtifacts(self.home / "artifacts")

    @property
    def environment(self) -> dict[str, str]:
        return {
            "BOURSOMATIC_HOME": str(self.home),
            "BOURSOMATIC_ARTIFACTS": str(self.home / "artifacts"),
            "BOURSOMATIC_ENV": "local",
            "DATABASE_URL": "",
        }

    def require_empty(self) -> None:
        if self.database.path.exists():
            if self.database.is_beaten():
                raise BackupRefused(f"Workers are at work on {self.home}. Stop them, and restore into another folder.")
            raise BackupRefused(f"{self.home} has a database already. Restore into a new folder, or move it away.")
        for path in self.home.glob(f"{_PARTIAL}*"):  # of a restore that was killed: the home's lock is ours
            remove(path)
        if strange := sorted(set(os.listdir(self.home)) - _HARMLESS):  # noqa: PTH208  (names alone)
            raise BackupRefused(f"{self.home} isn't empty: it holds {_some(strange)}. Restore into a new folder.")

    def prepare(self, dump: Path, settle: Settling) -> None:
        copy_file(dump, self._staged)
        staged = SqliteDatabase(self._staged)
        self._settled = settle({**self.environment, "DATABASE_URL": f"sqlite:///{self._staged}"}, staged)
        staged.close_log()
        flush(self._staged)

    def finish(self, dump: Path, settle: Settling) -> dict[str, Any]:
        self._staged.rename(self.database.path)
        flush(self.home)
        return self._settled

    def abandon(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            remove(self._staged.with_name(self._staged.name + suffix))


class PostgresTarget:
    """A database of its own; files of models go to where the present site has them."""

    vendor = "postgresql"

    def __init__(self, dsn: str, *, home: Path, artifacts: Artifacts) -> None:
        self.dsn, self.home, self._artifacts = dsn, home, artifacts
        self.database = PostgresDatabase.of_dsn(dsn)

    @property
    def artifacts(self) -> Artifacts:
        return self._artifacts

    @property
    def environment(self) -> dict[str, str]:
        return {"BOURSOMATIC_HOME": str(self.home), "DATABASE_URL": self.dsn}

    def require_empty(self) -> None:
        if tables := self.database.tables():
            if self.database.is_beaten():
                raise BackupRefused("Workers are at work on that database. Stop them, and restore into another.")
            raise BackupRefused(
                f"The database isn't empty: it holds {_some(tables)}. Make a new one (createdb NAME) and name that."
            )
        if self.artifacts.is_marked():  # what is restored gets its own, and that site's workers would stop
            raise BackupRefused(
                f"{self.artifacts.name_of('')} is the artifact store of a site: it has a {MARKER}. Restore with a "
                f"BOURSOMATIC_HOME of its own; if no site uses that store any more, remove the file {MARKER} first."
            )

    def prepare(self, dump: Path, settle: Settling) -> None:
        """Nothing: pg_restore works in one transaction."""

    def finish(self, dump: Path, settle: Settling) -> dict[str, Any]:
        self.database.restore(dump, lambda share, stage: None)
        return settle(self.environment, self.database)

    def abandon(self) -> None:
        """Nothing was prepared."""


@dataclass(frozen=True)
class Restored:
    """`counts`: rows of each table as they came back, before it was migrated and anything done to it."""

    manifest: Manifest
    settled: dict[str, Any]
    counts: dict[str, int]
    seconds: float


def restore(
    folder: Path,
    target: Target,
    *,
    code_version: str,
    known_migrations: Collection[tuple[str, str]],
    settle: Settle,
    tell: Tell = lambda share, stage: None,
) -> Restored:
    """Brings the backup in `folder` back. Raises BackupRefused for one that isn't whole, or of newer code, and for a
    target that is in use or not empty; nothing was changed then."""
    began, folder = time.monotonic(), folder.absolute()
    manifest = _manifest(folder)
    _require_known(manifest, target, code_version, known_migrations)
    counts: dict[str, int] = {}

    def settling(environment: Mapping[str, str], database: Loaded) -> dict[str, Any]:
        counts.update(database.counts())
        return settle(manifest, environment)

    try:
        make_folder(target.home)
        with locked(target.home / LOCK, f"{target.home} is in use: it is being served or restored. Stop that first."):
            target.require_empty()
            target.artifacts.require_own(manifest)
            tell(0.0, "checking the backup")
            check_files(folder, manifest)
            try:
                tell(0.3, "database")
                target.prepare(folder / manifest.database, settling)
                tell(0.6, "files of models")
                target.artifacts.place(folder / ARTIFACTS, manifest)
                if manifest.has_secret:
                    _place_secret(folder / SECRET, target.home)
                tell(0.8, "database")
                settled = target.finish(folder / manifest.database, settling)
            finally:
                target.abandon()
    except OSError as problem:
        raise BackupRefused(f"The backup could not be restored: {reason_of(problem)}.") from None
    return Restored(manifest, settled, counts, time.monotonic() - began)


def _manifest(folder: Path) -> Manifest:
    if not (folder / NAME).exists() and (inside := generations(folder)):
        raise BackupRefused(f"{folder} holds {len(inside)} backups. Name one of them, as {inside[0].folder}.")
    return read_manifest(folder)


def _require_known(manifest: Manifest, target: Target, code_version: str, known: Collection[tuple[str, str]]) -> None:
    if manifest.vendor != target.vendor:
        needed = "a DSN, as postgres://user@host/name" if manifest.vendor == "postgresql" else "a folder, the home"
        raise BackupRefused(f"This is a backup of {manifest.vendor}: it is restored into {needed}.")
    unknown = [
        f"{app}.{name}" for app, names in manifest.migrations.items() for name in names if (app, name) not in known
    ]
    if unknown or _release(manifest.code_version) > _release(code_version):
        because = f" (migration {unknown[0]} is unknown here)" if unknown else ""
        raise BackupRefused(
            f"The backup is of a newer version, {manifest.code_version}; this is {code_version}{because}. "
            "Restore it with that version or a later one."
        )


def _release(version: str) -> list[int]:
    return [int(number) for number in version.partition("+")[0].split(".") if number.isdigit()]


def _place_secret(source: Path, home: Path) -> None:
    aside = home / f"{_PARTIAL}{uuid4().hex}.secret"
    copy_file(source, aside)
    if (home / SECRET).exists() and (home / SECRET).read_bytes() != source.read_bytes():
        (home / SECRET).rename(home / SECRET_BEFORE)  # a database that was moved away may have been sealed by it
    aside.rename(home / SECRET)


def _some(names: Collection[str]) -> str:
    first = ", ".join(sorted(names)[:3])
    return f"{first} and {len(names) - 3} more" if len(names) > 3 else first
