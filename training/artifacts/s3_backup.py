"""Files of models on S3, as a backup reads them and a restore writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boursomatic.backup.artifacts import MARKER, RUNS, FileStatus
from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.files import FILE_MODE, write_private
from boursomatic.backup.manifest import Manifest
from training.artifacts.storage import sha256

if TYPE_CHECKING:
    from training.artifacts.s3 import S3Storage


class S3Artifacts:
    def __init__(self, store: "S3Storage") -> None:
        self.store = store

    def folders(self) -> list[str]:
        return sorted(self.store.listdir(RUNS)[0])

    def files(self, folder: str) -> Mapping[str, FileStatus]:
        objects = self.store.objects(f"{RUNS}/{folder}/")
        return {path.rpartition("/")[2]: _status(each) for path, each in objects.items()}

    def sha256(self, path: str) -> str:
        return self.store.digest(path)

    def copy(self, path: str, target: Path) -> str:
        with self.store.open(path) as file:
            content: bytes = file.read()
        write_private(target, content)
        return sha256(content)

    def name_of(self, path: str) -> str:
        return self.store.name_of(path)

    def is_marked(self) -> bool:
        return self.store.exists(MARKER)

    def require_own(self, manifest: Manifest) -> None:
        for path in self.store.paths():
            if path == MARKER:
                continue
            file = manifest.artifacts.get(path)
            if file is None or self.store.digest(path) != file.sha256:
                raise BackupRefused(
                    f"{self.store.name_of('')} isn't empty: it holds {path}. Move its objects away, or name another "
                    "prefix in BOURSOMATIC_ARTIFACTS."
                )

    def place(self, source: Path, manifest: Manifest) -> None:
        for path in manifest.artifacts:
            self.store.put(path, (source / path).read_bytes())


def _status(found: Mapping[str, Any]) -> FileStatus:
    return FileStatus(found["Size"], int(found["LastModified"].timestamp()) * 10**9, FILE_MODE)
