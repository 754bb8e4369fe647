"""Rows as boosted trees see them: which of 63 bins each rank falls into, the same for all fits.

Ranks are even by their making, so the borders of bins are those of even ranks and no row's doing: which rows are binned
together, now or later, changes no tree. Binning takes as long as the fit, so that folds share it.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightgbm
import numpy as np
from lightgbm.basic import LightGBMError
from numpy.typing import NDArray

from boursomatic.shared.mapped import let_go
from training.quant.universe.honest.trees import BINNING

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.signedinteger[Any]]

EVEN = 2_016  # ranks that the borders are taken from


def bin_rows(ranks: Singles, labels: Floats, names: tuple[str, ...]) -> lightgbm.Dataset:
    """All rows (n, k) with their labels (n,)."""
    even = (np.arange(EVEN, dtype=np.float32) + 0.5) / EVEN - 0.5
    grid = np.asfortranarray(np.repeat(even[:, None], ranks.shape[1], axis=1))
    borders = lightgbm.Dataset(grid, label=np.zeros(EVEN), feature_name=list(names), params=BINNING)
    data = lightgbm.Dataset(ranks, label=labels, reference=borders, params=BINNING).construct()
    let_go(ranks)
    return data


def as_bytes(ranks: Singles, names: tuple[str, ...]) -> Bytes | None:
    """The rows (n, k) as trees see them, in LightGBM's own binary format, for fits that take different ones of them.
    None where the disk takes no file, the only way that LightGBM has for it."""
    try:
        whole = bin_rows(ranks, np.zeros(len(ranks)), names)
        with TemporaryDirectory() as folder:  # as short as can be: a process that is killed meanwhile leaves it behind
            path = Path(folder) / "rows"
            whole.save_binary(path)
            return np.fromfile(path, dtype=np.uint8)
    except (OSError, LightGBMError):
        return None


def part_of(all_rows: Bytes, rows: Ints, labels: Floats) -> lightgbm.Dataset | None:
    """These (m,) of the rows `as_bytes`, with their labels (m,); None where they can't be read again."""
    try:
        with os.fdopen(os.memfd_create("rows"), "wb") as file:  # in memory: nothing is left of it, whatever happens
            all_rows.tofile(file)
            file.flush()
            part = lightgbm.Dataset(f"/proc/self/fd/{file.fileno()}", params=BINNING).subset([])
            part.used_indices = rows  # type: ignore[assignment]  # `subset` makes a list, 40 bytes for each row
            part.construct()
    except (OSError, LightGBMError):
        return None
    return part.set_label(labels)
