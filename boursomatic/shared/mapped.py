"""Arrays that lie in files: read and written as any others, and let go of while nobody looks at them."""

import mmap
import os
import tempfile
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray


def file_array(folder: Path, shape: tuple[int, ...], dtype: DTypeLike, *, order: Literal["C", "F"]) -> NDArray[Any]:
    """An array of zeros in a file of `folder` that has no name, and is gone with the array or with the process. Its
    room on the disk is taken at once. Raises OSError, as of a full disk."""
    size = prod(shape) * np.dtype(dtype).itemsize
    if not size:
        return np.empty(shape, dtype, order=order)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, size)  # or writing into the map would end the process on a full disk
        mapped = mmap.mmap(file.fileno(), size)
    return np.frombuffer(mapped, dtype, prod(shape)).reshape(shape, order=order)


def let_go(*arrays: NDArray[Any]) -> None:
    """Takes what is mapped of the files of these arrays out of the process's memory: it is read again when somebody
    looks. Nothing happens to arrays that lie in memory."""
    for array in arrays:
        if mapped := _map_of(array):
            mapped.madvise(mmap.MADV_DONTNEED)


def _map_of(array: NDArray[Any]) -> mmap.mmap | None:
    """The map whose bytes it shows; as those of this house are of files, nothing in it can be lost."""
    owner: Any = array
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = owner.obj if isinstance(owner, memoryview) else getattr(owner, "base", None)
    return owner
