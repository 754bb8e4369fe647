"""A file that others see whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4


@contextmanager
def whole_file(path: Path, *, flushed: bool) -> Iterator[BinaryIO]:
    """What is written goes beside its place and is moved there at the end, over what stood there; nothing is left of it
    after an error. Two at once: the last one stays. `flushed`: on the disk before it is moved, so that a crash of the
    machine tears nothing. Raises OSError, as of a full disk."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            if flushed:
                file.flush()
                os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def flush(path: Path) -> None:
    """What is in this file, or which names are in this folder, is on the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
