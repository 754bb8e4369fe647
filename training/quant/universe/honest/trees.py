"""Boosted trees on the composite's own rows and target, judged and shown beside it. PROTOCOL §4b.4."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.room import rows_of

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Bytes = NDArray[np.uint8]

TREES = 40
BINNING: dict[str, Any] = {
    "max_bin": 63,
    "feature_pre_filter": False,  # would drop columns by the rows that borders are taken from
    "force_col_wise": True,
    "num_threads": 0,
    "verbosity": -1,
}


def parameters(*, horizon: int, seed: int) -> dict[str, Any]:
    """`num_threads` stands in the model's text, so it is 0: `on_threads` says how many, and the text is the same to the
    byte with any number of them."""
    return {
        "objective": "regression",
        "learning_rate": 0.05,
        "num_leaves": 4,
        "max_depth": 2,
        "min_child_samples": max(400, 20 * horizon),
        "colsample_bytree": 0.5,
        "subsample": 0.8,
        "subsample_freq": 1,
        "seed": seed,
        "deterministic": True,
        **BINNING,
    }


def fit_trees(
    ranks: Singles,
    targets: Floats,
    *,
    names: tuple[str, ...],
    horizon: int,
    seed: int,
    all_rows: Bytes | None = None,
) -> "lightgbm.Booster":
    """On the rows (n, k) that have a target (n,). `all_rows` are the rows `as_bytes`, where these are there already."""
    import lightgbm  # noqa: PLC0415 - 3 s that the composite, and serving it, can do without

    from training.quant.universe.honest.bins import bin_rows, part_of  # noqa: PLC0415 - as above

    rows = np.flatnonzero(~np.isnan(targets))
    data = None if all_rows is None else part_of(all_rows, rows, targets[rows])
    data = data or bin_rows(rows_of(ranks, rows), targets[rows], names)
    return lightgbm.train(parameters(horizon=horizon, seed=seed), data, TREES)


def tree_scores(booster: "lightgbm.Booster", ranks: Singles) -> Floats:
    """(m,) of (m, k) ranks."""
    if not len(ranks):
        return np.empty(0)
    return np.asarray(booster.predict(np.ascontiguousarray(ranks), num_threads=0), dtype=np.float64)
