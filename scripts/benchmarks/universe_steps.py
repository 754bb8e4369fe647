"""Features and loading, each beside its yardstick, in the process that asks."""

import io

import numpy as np

from scripts.benchmarks.measured import best_in_turn, row, timed
from scripts.benchmarks.universe_pandas import features_by_pandas

Figures = dict[str, float]


def features() -> Figures:
    """Ours as the cache keeps them and pandas' from the same bars, which lie in memory."""
    import pandas as pd  # noqa: PLC0415 - the yardstick's own

    from instruments.quant.features.daily import daily_features  # noqa: PLC0415 - after django.setup
    from instruments.store.read_bars import load_many  # noqa: PLC0415
    from instruments.universes import universe_series  # noqa: PLC0415

    bars = [one.adjusted() for one in load_many(universe_series("all"))]
    columns = ("high", "low", "close", "volume")
    frame = pd.concat(
        pd.DataFrame({"who": j, **{name: getattr(one, name) for name in columns}}) for j, one in enumerate(bars)
    ).reset_index(drop=True)
    ours, theirs = best_in_turn(
        lambda: [daily_features(bars[at : at + 64], np.float32) for at in range(0, len(bars), 64)],
        lambda: features_by_pandas(frame),
        rounds=3,
    )
    row("features", ours, f"{theirs / ours:.1f} x as fast as pandas groupby", "5")
    row("features, pandas groupby", theirs)
    return {"features": ours, "features_pandas": theirs, "features_times_faster": theirs / ours}


def load() -> Figures:
    """Bars, and bars with features, from the columnar cache, the first time and the second; beside the bare COPY."""
    from django.db import connection  # noqa: PLC0415 - after django.setup

    from instruments.store.columns import featured_candles, marked_bars  # noqa: PLC0415
    from instruments.store.features import features_compute  # noqa: PLC0415
    from instruments.store.read_bars import COLUMNS  # noqa: PLC0415
    from instruments.universes import universe_series  # noqa: PLC0415

    def copy(table: str, columns: str) -> None:
        with connection.cursor() as cursor:
            cursor.copy_expert(f"COPY (SELECT {columns} FROM {table}) TO STDOUT (FORMAT BINARY)", io.BytesIO())

    def copy_bars() -> None:
        copy("instruments_pricebar", ", ".join(name for name, _ in COLUMNS))

    series = universe_series("all")
    first = timed(lambda: featured_candles(series))
    bars, bare, both = best_in_turn(lambda: marked_bars(series), copy_bars, lambda: featured_candles(series))
    stored = timed(lambda: features_compute(series=series, on_series=lambda *_: None))
    features_bare = min(timed(lambda: copy("instruments_feature", "*")) for _ in range(3))
    row("load and compute, first time", first)
    row("load bars, second time", bars, f"{bars / bare:.3f} x COPY", "0.05")
    row("COPY of the bars", bare)
    row("load bars and features, second time", both, f"{both / (bare + features_bare):.3f} x both COPYs", "0.05")
    row("COPY of the features", features_bare)
    row("features computed and stored", stored)
    return {
        "load_first": first,
        "load_bars": bars,
        "load_bars_copy": bare,
        "load_bars_ratio": bars / bare,
        "load_both": both,
        "load_features_copy": features_bare,
        "features_stored": stored,
    }
