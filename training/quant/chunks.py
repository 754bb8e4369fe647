"""Long work in pieces that any process can do: a pure function, known by name, of a spec and of arrays.

It knows no database, file or clock, and answers the same bytes wherever and however often it is worked out.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]
Function = Callable[[Mapping[str, Any], Arrays], Iterator[bytes]]
KINDS = {  # modules with a function `work_out`; by name, as they load LightGBM
    "cells": "training.quant.search.train_cell",
    "day": "training.quant.universe.day_chunk",
    "fold": "training.quant.walk_forward.fold_chunk",
}


@dataclass(frozen=True)
class Chunk:
    """`spec` as JSON has it; `arrays` of any shape."""

    kind: str
    spec: Mapping[str, Any]
    arrays: Arrays

    def work_out(self) -> Iterator[bytes]:
        """Piece after piece, as each is done."""
        function: Function = import_module(KINDS[self.kind]).work_out
        return function(self.spec, self.arrays)

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each array: its type, shape and bytes."""
        return {name: _hash(array) for name, array in self.arrays.items()}

    @property
    def size(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays.values())


WorkOut = Callable[[Chunk], Iterator[bytes]]  # as Chunk.work_out, wherever


def load_functions() -> None:
    """All of them, so that a process that goes on for days works every kind of chunk out by the same code."""
    for name in KINDS.values():
        import_module(name)


def _hash(array: NDArray[Any]) -> str:
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
