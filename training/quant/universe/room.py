"""Where a table of all rows is kept: in memory, or where the caller has more room."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from boursomatic.shared.mapped import let_go

Singles = NDArray[np.float32]
Ints = NDArray[np.signedinteger[Any]]
Room = Callable[[tuple[int, int]], Singles]  # an array of this shape, to be filled


def rows_in_memory(shape: tuple[int, int]) -> Singles:
    """Row after row: what LightGBM reads."""
    return np.empty(shape, dtype=np.float32)


def columns_in_memory(shape: tuple[int, int]) -> Singles:
    """Column after column: what ranks within days are made of."""
    return np.empty(shape, dtype=np.float32, order="F")


def rows_of(columns: Singles, rows: Ints) -> Singles:
    """(m, k) of (n, k), column after column as these lie; of what lies in a file no more than a column in memory."""
    out = columns_in_memory((len(rows), columns.shape[1]))
    for k in range(columns.shape[1]):
        np.take(columns[:, k], rows, out=out[:, k])
        let_go(columns)
    return out
