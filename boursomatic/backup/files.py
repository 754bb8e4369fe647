"""Files of a backup: private, flushed to the disk, and one writer at a time."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boursomatic.backup.errors import BackupRefused
from boursomatic.shared.whole_file import flush

CHUNK = 1 << 20
FOLDER_MODE, FILE_MODE = 0o700, 0o600


def sha256_of(path: Path) -> str:
    """Of a file's content. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_file(source: Path, target: Path, *, mode: int = FILE_MODE) -> str:
    """A flushed copy with the source's time, whose SHA-256 is returned. Raises OSError; FileExistsError too."""
    digest = hashlib.sha256()
    with source.open("rb") as reading:
        status = os.fstat(reading.fileno())
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as writing:
            while chunk := reading.read(CHUNK):
                digest.update(chunk)
                writing.write(chunk)
            writing.flush()
            os.fchmod(writing.fileno(), mode)
            os.utime(writing.fileno(), ns=(status.st_mtime_ns, status.st_mtime_ns))
            os.fsync(writing.fileno())
    return digest.hexdigest()


def make_folder(path: Path) -> None:
    """With its parents, each that is missing closed to others whatever the umask."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """A new flushed file that nobody else may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush_folders(top: Path) -> None:
    """What lies in a folder, and below it, stays there after a crash of the machine."""
    for folder, _, _ in os.walk(top):
        flush(Path(folder))


def remove(path: Path) -> None:
    """A file, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, refusal: str) -> Iterator[None]:
    """Inside, no other process holds this lock file; it goes with the process, however that ends. Raises BackupRefused
    with the words given where another holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRefused(refusal) from None
        os.truncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())  # for whoever asks who holds it
        yield
    finally:
        os.close(handle)
