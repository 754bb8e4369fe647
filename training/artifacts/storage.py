"""Where the files of models live: a folder for each run, published whole or not at all."""

import hashlib
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from django.core.files.storage import FileSystemStorage, storages

from boursomatic.shared.whole_file import flush, whole_file

STAGING = ".staging"
RUNS = "on_demand_runs"
MARKER = ".marker"
_FLUSHES = 8


def run_folder(run_id: str) -> str:
    """Of a candle run, below the artifact root."""
    return f"{RUNS}/{run_id}"


def artifact_names(run_id: str) -> dict[str, str]:
    """Kind -> file name, as outside programs know them."""
    return {
        "model": f"model_poc_{run_id}.joblib",
        "scaler": f"scaler_poc_{run_id}.joblib",
        "results": f"results_poc_{run_id}.json",
        "run_meta": f"run_meta_{run_id}.json",
    }


class ArtifactStorage(FileSystemStorage):
    """Local folder. Reading is Django's storage API; writing goes through a staged folder (see `staged`)."""

    @contextmanager
    def staged(self, folder: str, files: dict[str, bytes]) -> Iterator["StagedFolder"]:
        """Writes `files` beside their place, flushed to the disk and read back; `publish` moves them there at once.

        What isn't published when the block ends is removed. Raises OSError (a full disk) before anything is visible.
        """
        target = Path(self.location) / folder
        stage = StagedFolder(Path(self.location) / STAGING / f"{target.name}.{uuid4().hex}", target)
        try:
            stage.write(files)
            yield stage
        finally:
            shutil.rmtree(stage.source, ignore_errors=True)

    def discard(self, path: str) -> None:
        """Removes a run's folder, or a file in it, if it is there."""
        place = Path(self.location) / path
        if place.is_file():
            place.unlink(missing_ok=True)
        else:
            shutil.rmtree(place, ignore_errors=True)

    def folders(self) -> dict[str, str]:
        """Every published or staged folder -> the run that it was written for."""
        root = Path(self.location)
        published = {run_folder(name): name for name in _names(root / RUNS)}
        return published | {f"{STAGING}/{name}": name.partition(".")[0] for name in _names(root / STAGING)}

    def marker(self) -> str:
        """What `write_marker` wrote, "" where nothing was. Raises OSError where the store can't be read."""
        try:
            return (Path(self.location) / MARKER).read_text(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def write_marker(self, marker: str) -> None:
        """In place of one that is there. Raises OSError."""
        with whole_file(Path(self.location) / MARKER, flushed=True) as file:
            file.write(f"{marker}\n".encode())

    def bytes_in(self, folder: str) -> int:
        """Of all its files; 0 where it is not there."""
        return sum(path.stat().st_size for path in (Path(self.location) / folder).glob("*"))


class StagedFolder:
    """Files written and verified, waiting to be moved to their place."""

    def __init__(self, source: Path, target: Path) -> None:
        self.source, self.target = source, target

    def write(self, files: dict[str, bytes]) -> None:
        self.source.mkdir(parents=True)
        for name, content in files.items():
            (self.source / name).write_bytes(content)
        _sync(*(self.source / name for name in files), self.source)
        for name, content in files.items():
            if (self.source / name).read_bytes() != content:
                raise OSError(f"{name} was not stored as it was written. Check the disk.")

    def publish(self) -> None:
        """Call inside the transaction that ends the run, after its row is locked: then only the run's holder moves
        files, and a folder left by a holder that died just here is replaced."""
        shutil.rmtree(self.target, ignore_errors=True)
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self.source.rename(self.target)
        flush(self.target.parent)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def artifact_storage() -> ArtifactStorage:
    storage = storages["artifacts"]
    assert isinstance(storage, ArtifactStorage)
    return storage


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sync(*paths: Path) -> None:
    """Flushes files and folders to the disk, side by side: a disk that is asked for all at once is waited for once."""
    try:
        with ThreadPoolExecutor(min(len(paths), _FLUSHES)) as pool:
            list(pool.map(flush, paths))
    except RuntimeError:  # a run at its memory limit can't start a thread
        for path in paths:
            flush(path)
