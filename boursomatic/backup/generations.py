"""The backups in a folder: each a folder named by the moment at which it was begun, whole or not there."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from boursomatic.backup.errors import BackupRefused
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
    made_at: datetime
    manifest: Manifest

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
    whole = []
    for path in sorted(folder.glob("*"), reverse=True) if folder.is_dir() else ():
        if _NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            try:
                made_at = datetime.strptime(path.name, _FORMAT).replace(tzinfo=UTC)
                whole.append(Generation(path, made_at, read_manifest(path)))
            except (BackupRefused, ValueError):
                continue
    return whole


def free_name(folder: Path, now: datetime) -> str:
    """Of a new backup: the first second from `now` on that has none."""
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


def remove_older(folder: Path, keep: int) -> list[str]:
    """Removes all but the newest `keep` whole backups; their names."""
    names = []
    for generation in generations(folder)[keep:]:
        aside = partial_of(folder, generation.name)  # one that is half deleted must not look whole
        generation.folder.rename(aside)
        remove(aside)
        names.append(generation.name)
    return names


def newest_at(folder: Path) -> datetime | None:
    """When the newest whole backup was begun, without reading any of it."""
    names = [path.parent.name for path in folder.glob(f"*/{NAME}") if _NAME.fullmatch(path.parent.name)]
    return datetime.strptime(max(names), _FORMAT).replace(tzinfo=UTC) if names else None
