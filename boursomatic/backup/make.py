"""A backup made: the database first, then the files that it names, then the manifest; whole at the end or not there."""

import hashlib
import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from boursomatic.backup.artifacts import RUNS, Artifacts, FileStatus
from boursomatic.backup.database import Contents, Database, Tell
from boursomatic.backup.errors import BackupRefused, reason_of
from boursomatic.backup.files import (
    flush_folders,
    locked,
    make_folder,
    remove,
    sha256_of,
    write_private,
)
from boursomatic.backup.generations import (
    LOCK,
    Generation,
    free_name,
    generations,
    partial_of,
    remove_older,
    remove_partials,
)
from boursomatic.backup.manifest import ARTIFACTS, MOMENT, NAME, SECRET, Manifest, StoredFile
from boursomatic.shared.stores import StoreFailed
from boursomatic.shared.whole_file import flush


@dataclass(frozen=True)
class Site:
    """What is backed up. `secret` where it is to be a part of the backup; `known_migrations` as (app, name)."""

    database: Database
    artifacts: Artifacts
    code_version: str
    known_migrations: Collection[tuple[str, str]]
    closed_to_backups: Sequence[Path]  # folders that are emptied, or copied themselves
    secret: str = ""


@dataclass(frozen=True)
class Backup:
    """A finished one. `linked`: files that it shares with the backup before; `removed`: names of older ones; `stayed`:
    those that were to be removed and could not be, each with the reason."""

    folder: Path
    manifest: Manifest
    sha256: str  # of the manifest, which has every other file's
    linked: int
    removed: Sequence[str]
    stayed: Mapping[str, str]
    seconds: float

    @property
    def advice(self) -> str:
        """What to do about older ones that could not be removed, "" where all could."""
        if not self.stayed:
            return ""
        return (
            f"This backup is whole and kept, but {len(self.stayed)} older could not be removed: "
            f"{', '.join(sorted(self.stayed))}. Remove them, or let who makes backups do it, before the disk is full."
        )

    @property
    def database_bytes(self) -> int:
        return self.manifest.files[self.manifest.database].bytes


def backup_make(site: Site, folder: Path, *, keep: int | None = None, tell: Tell = lambda share, stage: None) -> Backup:
    """A new backup in `folder`, of which the newest `keep` stay (None: all). Raises BackupRefused and StoreFailed, and
    then nothing of it is left; what `tell` raises likewise."""
    began, folder = time.monotonic(), folder.absolute()
    for closed in site.closed_to_backups:
        if folder.resolve().is_relative_to(closed.resolve()):
            raise BackupRefused(f"{folder} lies in {closed}, which a backup must not. Choose a folder outside.")
    busy = f"Another backup into {folder} is under way. Wait for its end, or choose another folder."
    try:
        make_folder(folder)
        with locked(folder / LOCK, busy):
            remove_partials(folder)
            name = free_name(folder, datetime.now(UTC))
            partial = partial_of(folder, name)
            try:
                manifest, linked = _write(site, partial, generations(folder)[:1], tell)
                digest = hashlib.sha256(manifest.to_bytes()).hexdigest()
                partial.rename(folder / name)
                flush(folder)
            finally:
                remove(partial)
            removed, stayed = remove_older(folder, keep) if keep else ([], {})
    except StoreFailed:  # it may be back soon
        raise
    except OSError as problem:
        raise BackupRefused(f"The backup could not be written: {reason_of(problem)}. Nothing of it was kept.") from None
    return Backup(folder / name, manifest, digest, linked, removed, stayed, time.monotonic() - began)


def _write(site: Site, partial: Path, before: Sequence[Generation], tell: Tell) -> tuple[Manifest, int]:
    """All files, then the manifest; with how many were linked to those of the backup `before`."""
    make_folder(partial)
    tell(0.0, "database")
    contents = site.database.dump(partial / site.database.file_name, lambda share, stage: tell(0.5 * share, stage))
    files = {site.database.file_name: _stored(partial / site.database.file_name)}
    if site.secret:
        write_private(partial / SECRET, site.secret.encode())
        files[SECRET] = _stored(partial / SECRET)
    copier = _Copier(site.artifacts, partial / ARTIFACTS, before)
    copier.copy_runs(contents, tell)
    deleted = _deleted_meanwhile(site, contents, copier.files)
    manifest = Manifest(
        made_at=datetime.now(UTC).strftime(MOMENT),
        code_version=site.code_version,
        vendor=site.database.vendor,
        server=contents.server,
        database=site.database.file_name,
        migrations=_known(contents.migrations, site.known_migrations),
        tables=contents.tables,
        files=files | {f"{ARTIFACTS}/{path}": file for path, file in copier.files.items()},
        deleted_meanwhile=deleted,
    )
    write_private(partial / NAME, manifest.to_bytes())
    flush_folders(partial)
    return manifest, copier.linked


class _Copier:
    """Folders of runs copied file by file, or linked where the backup before has the same file."""

    def __init__(self, artifacts: Artifacts, target: Path, before: Sequence[Generation]) -> None:
        self.artifacts, self.target = artifacts, target
        self.before = {path: file for each in before for path, file in each.manifest.artifacts.items()}
        self.before_root = before[0].folder / ARTIFACTS if before else None
        self.files: dict[str, StoredFile] = {}
        self.linked = 0

    def copy_runs(self, contents: Contents, tell: Tell) -> None:
        """Of runs that the dump knows: what a later one has published belongs to the next backup."""
        make_folder(self.target)
        names = [name for name in self.artifacts.folders() if name.partition(".")[0] in contents.runs]
        for done, name in enumerate(names):
            tell(0.5 + 0.5 * done / len(names), "files of models")
            make_folder(self.target / RUNS / name)
            for file_name, status in self.artifacts.files(name).items():
                try:
                    self._copy(f"{RUNS}/{name}/{file_name}", status)
                except FileNotFoundError:  # its run was deleted meanwhile
                    remove(self.target / RUNS / name / file_name)
                    continue

    def _copy(self, path: str, status: FileStatus) -> None:
        earlier = self.before.get(path)
        is_like = earlier and (earlier.bytes, earlier.mtime_ns) == (status.bytes, status.mtime_ns)
        if is_like and earlier and self._is_linked(path, earlier.sha256):
            digest = earlier.sha256
            self.linked += 1
        else:
            digest = self.artifacts.copy(path, self.target / path)
        self.files[path] = StoredFile(digest, status.bytes, f"{status.mode:04o}", status.mtime_ns)

    def _is_linked(self, path: str, digest: str) -> bool:
        """Both files are read: a copy that has rotted on the disk is not handed on from backup to backup. On disks that
        have no links, as many of a network or a memory stick, each backup has copies of its own."""
        if self.before_root is None:
            return False
        try:
            if not self.artifacts.sha256(path) == digest == sha256_of(self.before_root / path):
                return False
            os.link(self.before_root / path, self.target / path)
        except StoreFailed:
            raise
        except OSError:
            return False
        return True


def _deleted_meanwhile(site: Site, contents: Contents, files: Mapping[str, StoredFile]) -> list[str]:
    """Folders of models whose files are gone with their run. Raises BackupRefused for any other file of a model that is
    missing or changed: kept on, such backups would in time push out the last one that has it."""
    amiss = {
        folder: name
        for folder, hashes in contents.models.items()
        for name, digest in hashes.items()
        if (file := files.get(f"{folder}/{name}")) is None or file.sha256 != digest
    }
    there = site.database.undeleted_models() if amiss else frozenset()
    for folder, name in sorted(amiss.items()):
        if folder in there:
            raise BackupRefused(
                f"{site.artifacts.name_of(f'{folder}/{name}')} is missing or was changed since its model was made. "
                "Put it back from an earlier backup, or delete the run; then back up again."
            )
    return sorted(amiss)


def _known(migrations: Mapping[str, Sequence[str]], known: Collection[tuple[str, str]]) -> dict[str, list[str]]:
    """Without those of code that is gone: a restore refuses what it has never heard of."""
    return {app: [name for name in names if (app, name) in known] for app, names in migrations.items()}


def _stored(path: Path) -> StoredFile:
    status = path.stat()
    return StoredFile(sha256_of(path), status.st_size, f"{status.st_mode & 0o777:04o}", status.st_mtime_ns)
