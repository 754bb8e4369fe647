"""A file of named arrays that can be made again, laid down so that they are mapped instead of read.

A seal (length and SHA-256 of the head); the head (JSON: facts, and kind, shape, place and XXH3 of each array); data.
It is written beside its place and moved there, never changed. What isn't as it was written, as after a crash or a
change on the disk, counts as missing; so nothing is flushed. Nothing is ever unpickled. Who may write to these files
may as well write to the models: the sums are to find accidents.
"""

import hashlib
import json
import logging
import mmap
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import xxhash
from numpy.typing import NDArray

from boursomatic.shared.mapped import let_go
from boursomatic.shared.whole_file import whole_file

Arrays = Mapping[str, NDArray[Any]]

_SEAL = 8 + 32  # length of the head, its SHA-256
_ALIGNED = 64  # bytes
log = logging.getLogger("boursomatic.columns")


def write_arrays(path: Path, arrays: Arrays, facts: Mapping[str, Any]) -> None:
    """Puts the file in the place of the one before, whole or not at all; two at once: the last one stays. Arrays are
    contiguous in either order; `facts` are JSON. Raises OSError, as of a full disk."""
    places: dict[str, list[Any]] = {}
    at = 0
    for name, array in arrays.items():
        at += -at % _ALIGNED
        flat = _flat(array)
        order = "C" if array.flags.c_contiguous else "F"
        places[name] = [array.dtype.str, list(array.shape), order, at, xxhash.xxh3_64_intdigest(flat.data)]
        at += array.nbytes
    head = json.dumps({"facts": facts, "arrays": places, "bytes": at}).encode()
    with whole_file(path, flushed=False) as file:
        file.write(len(head).to_bytes(8, "little") + hashlib.sha256(head).digest() + head)
        start = _start(len(head))
        for name, array in arrays.items():
            file.seek(start + places[name][3])
            file.write(_flat(array).data)
            let_go(array)
        file.truncate(start + at)


def map_arrays(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    """Its arrays, mapped read-only, and its facts; None where there is no such file or it isn't as it was written."""
    try:
        with path.open("rb") as file:
            mapped = _map(file)
            with suppress(PermissionError):
                os.utime(file.fileno())  # when it was used last
    except FileNotFoundError:
        return None
    except OSError as problem:
        log.warning("%s is made again: %s", path.name, problem)
        return None
    if mapped is None:
        log.warning("%s is made again: it is cut off or was changed", path.name)
    return mapped


def _map(file: BinaryIO) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
    size = os.fstat(file.fileno()).st_size
    seal = file.read(_SEAL)
    length = int.from_bytes(seal[:8], "little")
    if len(seal) < _SEAL or length > size:
        return None
    content = file.read(length)
    if hashlib.sha256(content).digest() != seal[8:]:  # what is parsed below is what was written
        return None
    head = json.loads(content)
    start = _start(length)
    if size != start + head["bytes"]:
        return None
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    arrays = {}
    for name, (kind, shape, order, at, check) in head["arrays"].items():
        flat: NDArray[Any] = np.frombuffer(mapped, kind, int(np.prod(shape)), start + at)
        if xxhash.xxh3_64_intdigest(flat.data) != check:
            return None
        let_go(flat)
        arrays[name] = flat.reshape(shape, order=order)
    return arrays, head["facts"]


def _start(length: int) -> int:
    """Where the arrays begin behind a head of that length."""
    return _SEAL + length + -(_SEAL + length) % _ALIGNED


def _flat(array: NDArray[Any]) -> NDArray[Any]:
    """The numbers as they lie in memory; a copy only of what is contiguous in no order."""
    return array.reshape(-1, order="C" if array.flags.c_contiguous else "F")
