"""BOURSOMATIC_HOME: nobody else reads it, one `scripts/serve` at a time, and a secret that all processes share.

Read by the settings, so without Django.
"""

import contextlib
import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from boursomatic.env import BadSetting
from boursomatic.shared.whole_file import whole_file

SECRET = "secret_key"
LOCK = "serve.lock"  # held by whatever serves the home, or restores into it
FOLDERS = ("artifacts", "logs")
OWN = (*FOLDERS, SECRET, "artifact_cache", "bells", "cache", "columns", "files", "static")
SECRET_LENGTH, SECRET_VARIETY = 32, 8
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def open_home(home: Path) -> None:
    """Makes the folder where it is missing and takes it, and what lies in it, away from everybody but its owner. All
    that this process writes from now on is its owner's alone. Raises BadSetting where nothing can be written."""
    os.umask(OTHERS)
    try:
        for folder in (home, *(home / name for name in FOLDERS)):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(home, error) from error
    if not os.access(home, os.W_OK):
        raise unwritable(home, OSError(errno.EROFS, os.strerror(errno.EROFS)))
    make_private(home, *(home / name for name in OWN))


def make_private(*paths: Path) -> None:
    """Those of `paths` that are there and ours: for nobody but their owner."""
    for path in paths:
        with contextlib.suppress(OSError):  # it isn't there; a mount may be somebody else's, or read-only
            mode = path.stat().st_mode
            if mode & OTHERS and not mode & stat.S_ISVTX:  # a folder that all share, such as /tmp, stays as it is
                path.chmod(stat.S_IMODE(mode) & ~OTHERS)


def database_files(path: Path) -> list[Path]:
    """The file of an SQLite database, and what SQLite puts beside it."""
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]


def unwritable(home: Path, error: OSError) -> BadSetting:
    return BadSetting(
        f"BOURSOMATIC_HOME is {home}, where nothing can be written ({error.strerror}). "
        "Free some space or give the folder to the user that runs this, or name another folder."
    )


def home_secret(home: Path) -> str:
    """The secret of this home, drawn once: processes that start at the same time on a fresh home agree on one. An empty
    file, as a full disk leaves it, is taken for none. Raises BadSetting where it can't be read or written."""
    path = home / SECRET
    try:
        with contextlib.suppress(FileNotFoundError):
            if secret := path.read_text().strip():
                return secret
        with _locked(home):  # the folder: a file to lock would have to be made first
            with contextlib.suppress(FileNotFoundError):
                if secret := path.read_text().strip():
                    return secret
            secret = secrets.token_urlsafe(50)
            with whole_file(path, flushed=True) as file:
                file.write(secret.encode())
    except OSError as error:
        raise unwritable(home, error) from error
    return secret


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def secret_weakness(secret: str) -> str:
    """What makes `secret` easy to guess, as the end of a sentence; "" for a good one."""
    if len(secret) < SECRET_LENGTH:
        return f"has {len(secret)} characters"
    if len(set(secret)) < SECRET_VARIETY:
        return f"has {len(set(secret))} different characters"
    return ""


def take_home(home: Path) -> int:
    """Of two `scripts/serve` on one home the second is refused (BadSetting). The lock ends with the process, however it
    ends; what it starts doesn't inherit it. Returns the handle that holds it."""
    try:
        handle = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unwritable(home, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(handle, 20).decode()
        os.close(handle)
        raise BadSetting(
            f"BOURSOMATIC_HOME is {home}, where another scripts/serve runs (process {holder}). "
            "Stop that one, or name another folder."
        ) from error
    os.truncate(handle, 0)
    with contextlib.suppress(OSError):  # a full disk is told by who has more to write
        os.write(handle, str(os.getpid()).encode())
    return handle
