"""Boosted trees on the composite's own rows and target, judged and shown beside it. PROTOCOL §4b.4."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.quant.universe.room import rows_of

if TYPE_CHECKING:
    import lightgbm

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

TREES = 40
BORDER_ROWS = 20_000  # that the borders of bins are taken from: ranks are even, and more would only cost time


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
        "max_bin": 63,
        "bin_construct_sample_cnt": BORDER_ROWS,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 0,
        "verbosity": -1,
    }


def fit_trees(
    ranks: Singles, targets: Floats, *, names: tuple[str, ...], horizon: int, seed: int
) -> "lightgbm.Booster":
    """On the rows (n, k) that have a target (n,)."""
    import lightgbm  # noqa: PLC0415 - 3 s that the composite, and serving it, can do without

    rows = np.flatnonzero(~np.isnan(targets))
    settings = parameters(horizon=horizon, seed=seed)
    label = targets[rows]
    data = lightgbm.Dataset(rows_of(ranks, rows), label=label, feature_name=list(names), params=settings)
    del rows, label
    return lightgbm.train(settings, data, TREES)  # which frees the ranks themselves as soon as they are binned


def tree_scores(booster: "lightgbm.Booster", ranks: Singles) -> Floats:
    """(m,) of (m, k) ranks."""
    if not len(ranks):
        return np.empty(0)
    return np.asarray(booster.predict(np.ascontiguousarray(ranks), num_threads=0), dtype=np.float64)
