"""Parquet files: one of bars, and small ones that are much when unpacked."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet

MEGABYTE = "x" * 1_000_000


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), out, compression="zstd", **options)
    return out.getvalue()


def prices(rows: int) -> dict[str, Any]:
    days = np.arange("2020-01-06", "2020-01-11", dtype="datetime64[D]")
    values = {"Open": 2.0, "High": 3.0, "Low": 1.0, "Close": 2.0}
    return {"Date": np.resize(days, rows), **{name: np.full(rows, value) for name, value in values.items()}}


def _deep(levels: int) -> bytes:
    kind = pyarrow.float64()
    for _ in range(levels):
        kind = pyarrow.list_(kind)
    return parquet(prices(1) | {"Open": pyarrow.array([None], kind)})


def _long_cell() -> bytes:
    many = 5_000_000
    cells = pyarrow.ListArray.from_arrays(pyarrow.array([0, many], pyarrow.int32()), pyarrow.array(np.zeros(many)))
    return parquet(prices(1) | {"Open": cells})


def _one_text_in_all_cells() -> bytes:
    rows = 200_000
    return parquet(
        prices(rows) | {"Date": pyarrow.DictionaryArray.from_arrays(np.zeros(rows, dtype=np.int32), [MEGABYTE])}
    )


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "rows": (
        lambda: parquet({"Date": pyarrow.nulls(20_000_001)}),
        "20,000,001 rows; 20,000,000 are the most. Split it",
    ),
    "columns": (
        lambda: parquet(prices(1) | {f"c{n}": [1.0] for n in range(5_000)}),
        "5,005 columns; 1,000 are the most",
    ),
    "a long cell": (_long_cell, "'Open' has several values in a cell"),
    "deep cells": (lambda: _deep(90), "can't be read|several values in a cell"),
    "one text in all cells": (_one_text_in_all_cells, "rows are all bad"),
}
