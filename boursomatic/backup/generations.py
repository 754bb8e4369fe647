"""The backups in a folder: each a folder named by the moment at which it was begun, whole or not there."""

import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from boursomatic.backup.errors import BackupRefused, reason_of
from boursomatic.backup.files import remove
from boursomatic.backup.manifest import NAME, Manifest, read_manifest

LOCK = ".backup.lock"
_FORMAT = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"\d{8}T\d{6}Z")
_PARTIAL = re.compile(r"\.partial-\d{8}T\d{6}Z")


@dataclass(frozen=True)
class Generation:
    """A whole backup."""

    folder: Path
    manifest: Manifest

    @property
    def made_at(self) -> datetime:
        """By the clock of then. Its name may be later, see `free_name`."""
        return self.manifest.moment

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def megabytes(self) -> float:
        """Of all files, also those that it shares with other backups."""
        return self.manifest.size / 1e6

    @property
    def database_megabytes(self) -> float:
        return self.manifest.files[self.manifest.database].bytes / 1e6


def generations(folder: Path) -> list[Generation]:
    """Newest first; none where the folder is not there. What can't be read as a backup is left out."""
    return read_folder(folder)[0]


def read_folder(folder: Path) -> tuple[list[Generation], dict[str, str]]:
    """Whole backups, newest first; and why the others, by name, can't be read."""
    whole, unreadable = list[Generation](), dict[str, str]()
    for path in _folders(folder):
        try:
            whole.append(Generation(path, read_manifest(path)))
        except BackupRefused as reason:
            unreadable[path.name] = str(reason)
    return whole, unreadable


def newest_of(folder: Path) -> Generation | None:
    """The newest whole backup, without reading the others."""
    for path in _folders(folder):
        with suppress(BackupRefused):
            return Generation(path, read_manifest(path))
    return None


def _folders(folder: Path) -> Iterator[Path]:
    """Named as backups are, newest first."""
    for path in sorted(folder.glob("*"), reverse=True) if folder.is_dir() else ():
        if _NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            with suppress(ValueError):  # no moment: somebody else's folder
                datetime.strptime(path.name, _FORMAT).replace(tzinfo=UTC)
                yield path


def free_name(folder: Path, now: datetime) -> str:
    """Of a new backup: the first second from `now` on that has none, and is later than all: else a clock that was set
    back, or a removal within the second, would make the newest one count as older."""
    if newest := _newest_name(folder):
        now = max(now, newest + timedelta(seconds=1))
    while (folder / now.strftime(_FORMAT)).exists():
        now += timedelta(seconds=1)
    return now.strftime(_FORMAT)


def partial_of(folder: Path, name: str) -> Path:
    """Where a backup is written until it is whole."""
    return folder / f".partial-{name}"


def remove_partials(folder: Path) -> None:
    """Of processes that have died: whoever calls this holds the folder's lock."""
    for path in folder.glob(".partial-*"):
        if _PARTIAL.fullmatch(path.name):
            remove(path)


def remove_older(folder: Path, keep: int) -> tuple[list[str], dict[str, str]]:
    """Removes all but the newest `keep` whole backups; their names, and of those that stayed why they did."""
    removed, stayed = [], {}
    for generation in generations(folder)[keep:]:
        aside = partial_of(folder, generation.name)  # one that is half deleted must not look whole
        try:
            generation.folder.rename(aside)
            shutil.rmtree(aside)
            removed.append(generation.name)
        except OSError as problem:
            stayed[aside.name if aside.exists() else generation.name] = reason_of(problem)
    return removed, stayed


def _newest_name(folder: Path) -> datetime | None:
    """The moment that the newest whole backup is named by."""
    names = [path.parent.name for path in folder.glob(f"*/{NAME}") if _NAME.fullmatch(path.parent.name)]
    return datetime.strptime(max(names), _FORMAT).replace(tzinfo=UTC) if names else None
