"""Where the files of models live: a folder for each run, published whole or not at all. On disk here, on S3 in `s3.py`;
the setting BOURSOMATIC_ARTIFACTS chooses, and nobody else asks which it is."""

import glob
import hashlib
import shutil
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import uuid4

from django.core.files.storage import FileSystemStorage, Storage, storages

from boursomatic.backup.artifacts import MARKER, RUNS, STAGING, Artifacts, FolderArtifacts, listed
from boursomatic.shared.whole_file import flush, whole_file

if TYPE_CHECKING:  # the process that reads an upload has a storage, and no tables
    from training.models import TrainingRun

_AT_ONCE = 8  # files, or requests to a store that is far
_FLUSHES = 4  # more at once only wait for each other: for seven files 13 ms instead of 10 on a busy disk
T = TypeVar("T")
R = TypeVar("R")


def run_folder(run_id: str) -> str:
    """Of a run, below the artifact root; a store whose attempts have folders of their own puts a dot and more after."""
    return f"{RUNS}/{run_id}"


def folder_of(run: "TrainingRun") -> str:
    """Where its files are, or will be on a disk."""
    return run.folder or run_folder(run.run_id)


def run_of(name: str) -> str:
    """The run that a folder of this name was written for."""
    return name.partition(".")[0]


def artifact_names(run_id: str) -> dict[str, str]:
    """Kind -> file name, as outside programs know them."""
    return {
        "model": f"model_poc_{run_id}.joblib",
        "scaler": f"scaler_poc_{run_id}.joblib",
        "results": f"results_poc_{run_id}.json",
        "run_meta": f"run_meta_{run_id}.json",
    }


class Staged(Protocol):
    """Files that are written and verified, and that nobody sees yet."""

    @property
    def folder(self) -> str:
        """Below the artifact root: where they are to be found once published."""

    def publish(self) -> None: ...


class ArtifactStorage(Storage):
    """Reading is Django's storage API; what runs leave is written through `staged`."""

    @abstractmethod
    def staged(self, run_id: str, files: Mapping[str, bytes]) -> AbstractContextManager[Staged]:
        """Writes `files` where nobody looks for them; what isn't published when the block ends is removed. Raises
        OSError (a full disk, a store that is away) before anything is visible."""

    @abstractmethod
    def discard(self, path: str) -> None:
        """Removes a run's folder, or a file in it, if it is there."""

    @abstractmethod
    def discard_run(self, run_id: str) -> None:
        """Removes every folder of a run."""

    @abstractmethod
    def folders(self) -> dict[str, str]:
        """Every published or staged folder -> the run that it was written for."""

    @abstractmethod
    def bytes_in(self, folders: Sequence[str]) -> int:
        """Of all their files; 0 of one that is not there."""

    @abstractmethod
    def read(self, path: str, digest: str) -> bytes:
        """A file's content, which was written with this SHA-256; whoever parses it compares. A store that is far may
        answer from a copy that has it. Raises FileNotFoundError."""

    @abstractmethod
    def marks(self, paths: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """What tells, without reading them, that these files have moved. Raises FileNotFoundError."""

    @abstractmethod
    def paths(self) -> Iterator[str]:
        """Every file that is anybody's."""

    @abstractmethod
    def put(self, path: str, content: bytes) -> bool:
        """A new file, flushed; False where the same is there already. Raises FileExistsError where another is."""

    @abstractmethod
    def name_of(self, path: str) -> str:
        """As people find it."""

    @abstractmethod
    def marker(self) -> str:
        """What `write_marker` wrote, "" where nothing was. Raises OSError where the store can't be read."""

    @abstractmethod
    def write_marker(self, marker: str) -> None:
        """In place of one that is there. Raises OSError."""

    @abstractmethod
    def for_backups(self) -> Artifacts: ...

    def check(self) -> None:
        """Raises StoreFailed where it can't be used now."""

    def patience(self, seconds: float, told: Callable[[str], None] | None = None) -> AbstractContextManager[None]:
        """Inside, a store that is away is waited for so long; `told` hears why, before each further attempt."""
        return nullcontext()

    def copy_to(self, folder: str, target: Path) -> None:
        """The files of a run, for whoever wants them in a folder of his own."""
        target.mkdir(parents=True, exist_ok=True)
        for name in self.listdir(folder)[1]:
            with self.open(f"{folder}/{name}") as file, (target / name).open("wb") as copy:
                shutil.copyfileobj(file, copy)


class DiskStorage(FileSystemStorage, ArtifactStorage):
    """A local folder, or one that hosts share."""

    @contextmanager
    def staged(self, run_id: str, files: Mapping[str, bytes]) -> Iterator["StagedFolder"]:
        """Beside their place, flushed to the disk and read back; `publish` moves them there at once."""
        stage = StagedFolder(Path(self.location), run_id)
        try:
            stage.write(files)
            yield stage
        finally:
            shutil.rmtree(stage.source, ignore_errors=True)

    def discard(self, path: str) -> None:
        place = Path(self.location) / path
        if place.is_file():
            place.unlink(missing_ok=True)
        else:
            shutil.rmtree(place, ignore_errors=True)

    def discard_run(self, run_id: str) -> None:
        self.discard(run_folder(run_id))
        for place in (Path(self.location) / RUNS).glob(f"{glob.escape(run_id)}.*"):  # of attempts on S3, moved here
            shutil.rmtree(place, ignore_errors=True)

    def marker(self) -> str:
        try:
            return (Path(self.location) / MARKER).read_text(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def write_marker(self, marker: str) -> None:
        with whole_file(Path(self.location) / MARKER, flushed=True) as file:
            file.write(f"{marker}\n".encode())

    def folders(self) -> dict[str, str]:
        root = Path(self.location)
        published = {run_folder(name): run_of(name) for name in listed(root / RUNS)}
        return published | {f"{STAGING}/{name}": run_of(name) for name in listed(root / STAGING)}

    def bytes_in(self, folders: Sequence[str]) -> int:
        places = [Path(self.location) / folder for folder in folders]
        return sum(path.stat().st_size for place in places for path in place.glob("*"))

    def read(self, path: str, digest: str) -> bytes:
        with self.open(path) as file:
            content: bytes = file.read()
        return content

    def marks(self, paths: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """The time of the last change of an inode is among it because nobody can set that one back. Microseconds."""
        statuses = [Path(self.path(path)).stat() for path in paths]
        return tuple((status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns) for status in statuses)

    def paths(self) -> Iterator[str]:
        root = Path(self.location)
        files = (path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file())
        return (path.as_posix() for path in files if path.parts[0] != STAGING)

    def put(self, path: str, content: bytes) -> bool:
        place = Path(self.path(path))
        if place.exists():
            if place.read_bytes() != content:
                raise FileExistsError(f"{place} is there already.")
            return False
        with whole_file(place, flushed=True) as file:
            file.write(content)
        flush(place.parent)
        return True

    def name_of(self, path: str) -> str:
        return self.path(path)

    def for_backups(self) -> Artifacts:
        return FolderArtifacts(Path(self.location))


class StagedFolder:
    """Files written and verified, waiting to be moved to their place."""

    def __init__(self, root: Path, run_id: str) -> None:
        self.folder = run_folder(run_id)
        self.source, self.target = root / STAGING / f"{run_id}.{uuid4().hex}", root / self.folder

    def write(self, files: Mapping[str, bytes]) -> None:
        self.source.mkdir(parents=True)
        for name, content in files.items():
            (self.source / name).write_bytes(content)
        side_by_side(flush, [*(self.source / name for name in files), self.source], at_once=_FLUSHES)
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


def artifact_storage() -> ArtifactStorage:
    storage = storages["artifacts"]
    assert isinstance(storage, ArtifactStorage)
    return storage


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def side_by_side(call: Callable[[T], R], each: Sequence[T], *, at_once: int = _AT_ONCE) -> list[R]:
    """A disk, or a store, that is asked for all at once is waited for once."""
    try:
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(call, each))
    except RuntimeError:  # a run at its memory limit can't start a thread
        return [call(one) for one in each]
