"""manifest.json of a backup: what is in it, and what it was made with."""

import json
import os
import stat
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec

from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.files import sha256_of

FORMAT = 1
NAME = "manifest.json"
MOMENT = "%Y-%m-%dT%H:%M:%SZ"
ARTIFACTS = "artifacts"
SECRET = "secret_key"


class StoredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`sha256` and `bytes` of its content; `mode` (octal) and `mtime_ns` it had where it was copied from."""

    sha256: str
    bytes: int
    mode: Annotated[str, msgspec.Meta(pattern="^(0o)?[0-7]{1,4}$")]
    mtime_ns: int


class _Form(msgspec.Struct):
    format: int


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`tables`: rows of each; `migrations`: applied ones of each app that the code knew; `files`: by path below the
    backup; `deleted_meanwhile`: folders of models whose run was deleted while the backup was made."""

    made_at: str
    code_version: str
    vendor: str
    server: str
    database: str
    migrations: Mapping[str, Sequence[str]]
    tables: Mapping[str, int]
    files: Mapping[str, StoredFile]
    deleted_meanwhile: Sequence[str]
    format: int = FORMAT

    @property
    def moment(self) -> datetime:
        """Of `made_at`. Raises ValueError."""
        return datetime.strptime(self.made_at, MOMENT).replace(tzinfo=UTC)

    @property
    def size(self) -> int:
        """Bytes of all files but the manifest."""
        return sum(file.bytes for file in self.files.values())

    @property
    def has_secret(self) -> bool:
        return SECRET in self.files

    @property
    def artifacts(self) -> dict[str, StoredFile]:
        """By path below the artifact root."""
        start = f"{ARTIFACTS}/"
        return {path.removeprefix(start): file for path, file in self.files.items() if path.startswith(start)}

    def to_bytes(self) -> bytes:
        return json.dumps(msgspec.to_builtins(self), indent=1, sort_keys=True).encode() + b"\n"


def read_manifest(folder: Path) -> Manifest:
    """Raises BackupRefused where the folder is no backup, or one of a format that this version doesn't read."""
    path = folder / NAME
    try:
        content = path.read_bytes()
        if msgspec.json.decode(content, type=_Form).format != FORMAT:
            raise BackupRefused(f"{path} has a format that this version can't read. Restore it with the newer code.")
        manifest = msgspec.json.decode(content, type=Manifest)
        _ = manifest.moment
    except OSError:
        raise BackupRefused(f"{folder} is no whole backup: its {NAME} can't be read.") from None
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise BackupRefused(f"{path} is damaged. Restore another backup.") from None
    if manifest.database not in manifest.files:
        raise BackupRefused(f"{path} is damaged: it has no database. Restore another backup.")
    return manifest


def check_files(folder: Path, manifest: Manifest) -> None:
    """Every file is there with its hash, and nothing else is. Raises BackupRefused, which names the file."""
    for name in manifest.files:
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts or str(place) != name:
            raise BackupRefused(f"The manifest of {folder} names {name!r}, outside of it. It is not to be trusted.")
    present = set(_regular_files(folder))
    if extra := present - manifest.files.keys() - {NAME}:
        raise BackupRefused(f"{folder / min(extra)} isn't in the manifest. Take it away, or restore another backup.")
    for name, file in sorted(manifest.files.items()):
        if name not in present:
            raise BackupRefused(f"{folder / name} is missing. Restore another backup.")
        try:
            is_whole = sha256_of(folder / name) == file.sha256
        except OSError as problem:
            raise BackupRefused(f"{folder / name} can't be read ({problem.strerror}).") from None
        if not is_whole:
            raise BackupRefused(
                f"{folder / name} was changed: its SHA-256 isn't the manifest's. Restore another backup."
            )


def _regular_files(folder: Path) -> list[str]:
    """Paths below `folder`. Raises BackupRefused for a link, a pipe or the like, which a backup never has."""
    paths = []
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            mode = path.lstat().st_mode
            if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                raise BackupRefused(f"{path} is neither file nor folder but a link or the like: no backup has that.")
            if stat.S_ISREG(mode):
                paths.append(path.relative_to(folder).as_posix())
    return paths
