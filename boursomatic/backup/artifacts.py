"""The files of models as a backup reads them and a restore writes them: in a folder, or wherever the site has them."""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.files import copy_file, flush_folders, make_folder, remove, sha256_of
from boursomatic.backup.manifest import Manifest
from boursomatic.shared.whole_file import flush

RUNS = "on_demand_runs"  # a folder for each run, of its id; after a dot there may be more
STAGING, MARKER = ".staging", ".marker"  # whose store it is: a restore writes its own


@dataclass(frozen=True)
class FileStatus:
    bytes: int
    mtime_ns: int
    mode: int


class Artifacts(Protocol):
    """Paths are below the artifact root."""

    def folders(self) -> list[str]:
        """Names below RUNS, sorted."""

    def files(self, folder: str) -> Mapping[str, FileStatus]:
        """Of one of these, by name, sorted; none where it is gone."""

    def sha256(self, path: str) -> str:
        """Of what is stored there now. Raises OSError."""

    def copy(self, path: str, target: Path) -> str:
        """Into a new private file that is flushed; the SHA-256. Raises FileNotFoundError."""

    def name_of(self, path: str) -> str:
        """As people find it."""

    def is_marked(self) -> bool:
        """A site has it for its own."""

    def require_own(self, manifest: Manifest) -> None:
        """Nothing lies there but what this backup would put there: a restore that was killed had begun. Raises
        BackupRefused."""

    def place(self, source: Path, manifest: Manifest) -> None:
        """Every file of the backup whose artifacts are in `source`, run by run."""


class FolderArtifacts:
    def __init__(self, root: Path) -> None:
        self.root = root

    def folders(self) -> list[str]:
        return listed(self.root / RUNS)

    def files(self, folder: str) -> Mapping[str, FileStatus]:
        found = {}
        for name in listed(self.root / RUNS / folder):
            with suppress(FileNotFoundError):  # its run was deleted meanwhile
                status = (self.root / RUNS / folder / name).stat()
                found[name] = FileStatus(status.st_size, status.st_mtime_ns, status.st_mode & 0o777)
        return found

    def sha256(self, path: str) -> str:
        return sha256_of(self.root / path)

    def copy(self, path: str, target: Path) -> str:
        return copy_file(self.root / path, target)

    def name_of(self, path: str) -> str:
        return str(self.root / path)

    def is_marked(self) -> bool:
        return (self.root / MARKER).exists()

    def require_own(self, manifest: Manifest) -> None:
        for place, _, names in os.walk(self.root):
            for name in names:
                path = Path(place, name)
                inside = path.relative_to(self.root).as_posix()
                if inside == MARKER or inside.startswith(f"{STAGING}/"):
                    continue
                file = manifest.artifacts.get(inside)
                if file is None or path.is_symlink() or sha256_of(path) != file.sha256:
                    raise BackupRefused(
                        f"{self.root} isn't empty: it holds {inside}. Move its files away, or use another home."
                    )

    def place(self, source: Path, manifest: Manifest) -> None:
        """Each folder is written aside and moved to its place whole."""
        root, folders = self.root, dict[Path, list[Path]]()
        for path in map(Path, manifest.artifacts):
            folders.setdefault(path.parent, []).append(path)
        for path in (root / STAGING).glob("restore.*"):  # of one that was killed: the home's lock is ours
            remove(path)
        staging = root / STAGING / f"restore.{uuid4().hex}"
        make_folder(staging)
        try:
            for number, (folder, paths) in enumerate(sorted(folders.items())):
                aside = staging / str(number)
                make_folder(aside)
                for path in paths:
                    mode = stat.S_IMODE(int(manifest.artifacts[path.as_posix()].mode, 8))
                    copy_file(source / path, aside / path.name, mode=mode)
                flush_folders(aside)
                make_folder((root / folder).parent)
                if (root / folder).is_dir():  # of a restore that was killed; a folder can't be moved over a full one
                    (root / folder).rename(staging / f"{number}.before")
                aside.rename(root / folder)
            for folder in {folder.parent for folder in folders}:
                flush(root / folder)
        finally:
            remove(staging)
            with suppress(OSError):
                staging.parent.rmdir()


def listed(folder: Path) -> list[str]:
    """What is in it by name, sorted; nothing where it is no folder."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  (names alone)
    except (FileNotFoundError, NotADirectoryError):
        return []
