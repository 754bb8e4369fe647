"""A universe from bars to models, each step beside its yardstick in one run, on a throw-away PostgreSQL.

features  all features from bars in memory: ours, the same windows by pandas groupby; then the table, filled
load      bars, and bars with features, from the columnar cache, the first time and the second, beside the bare COPY in
          binary of the same table or tables, and Django's values_list of the features
train     the whole training (read, split, fit, judge, fit again): beside bare Dataset construction plus the same fits
"""

import argparse
import io
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmarks.markets import market

BARS = 1_250  # of each generated instrument


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench universe", description=__doc__)
    parser.add_argument("--data", type=Path, help="file of daily bars of many instruments (default: generated)")
    parser.add_argument("--instruments", type=int, default=240, help="how many are generated (default: 240, 0.3M bars)")
    parser.add_argument("--no-train", action="store_true", help="features and load only")
    parser.add_argument("--output", type=Path, default=Path("var/bench/universe.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    from tests.postgres import server  # noqa: PLC0415 - needs PostgreSQL's binaries, which --help does not

    with tempfile.TemporaryDirectory() as home, server() as postgres:
        os.environ |= {"DATABASE_URL": postgres.url(), "BOURSOMATIC_HOME": home, "BOURSOMATIC_DEMO": "0"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "boursomatic.settings"
        import django  # noqa: PLC0415 - settings are read from the environment just set

        django.setup()
        _fill(options.data, options.instruments)
        result = {**_features(), **_load(), **({} if options.no_train else _train())}
    result["peak_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{'peak memory':<30}{result['peak_gib']:>9.2f} GiB")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({**result, "data": str(options.data or "generated")}, indent=1))
    return 0


def _fill(data: Path | None, instruments: int) -> None:
    from django.core.management import call_command  # noqa: PLC0415 - after django.setup

    from instruments.imports.services import file_import, series_write  # noqa: PLC0415
    from instruments.models import Instrument, Series  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    if data is not None:
        file_import(path=data, on_bad="skip")
        return
    for start in range(0, instruments, 50):
        parts = []
        for number in range(start, min(start + 50, instruments)):
            instrument = Instrument.objects.create(symbol=f"S{number:04d}")
            parts.append((Series.objects.create(instrument=instrument, timeframe="1d"), market(BARS, seed=number)))
        series_write(parts=parts, source="generated")


def _features() -> dict[str, float]:
    """Ours as the cache keeps them and pandas' from the same bars; then the table is filled."""
    from instruments.quant.features.daily import daily_features  # noqa: PLC0415
    from instruments.store.features import features_compute  # noqa: PLC0415 - after django.setup
    from instruments.store.read_bars import load_bars  # noqa: PLC0415
    from instruments.universes import universe_series  # noqa: PLC0415

    series = universe_series("all")
    bars = [load_bars(one).adjusted() for one in series]
    print(f"{len(series)} instruments, {sum(map(len, bars)):,} bars")
    ours = _best(lambda: [daily_features(bars[at : at + 64], np.float32) for at in range(0, len(bars), 64)])
    theirs = _best(lambda: _by_pandas(bars))
    filled = _timed(lambda: features_compute(series=series, on_series=lambda *_: None))
    _row("features", ours)
    _row("features, pandas groupby", theirs, f"{theirs / ours:.1f} x ours")
    _row("features computed and stored", filled)
    return {"features": ours, "features_pandas": theirs, "features_stored": filled}


def _by_pandas(bars: list[Any]) -> None:
    """The same features as a data frame of all instruments, grouped."""
    import pandas as pd  # noqa: PLC0415 - the yardstick's own

    frame = pd.concat(
        pd.DataFrame({"who": j, **{name: getattr(one, name) for name in ("high", "low", "close", "volume")}})
        for j, one in enumerate(bars)
    ).reset_index(drop=True)
    by = frame.groupby("who")
    close, returns = by["close"], by["close"].pct_change()
    out = {f"return_{k}": close.pct_change(k) for k in (1, 5, 10, 20, 60, 120)}
    for w in (10, 20, 60):
        out[f"volatility_{w}"] = returns.groupby(frame["who"]).rolling(w).std().droplevel(0)
    means = {w: close.rolling(w).mean().droplevel(0) for w in (5, 10, 20, 50, 200)}
    out |= {f"ma_{w}": frame["close"] / mean - 1 for w, mean in means.items()}
    out |= {f"cross_{a}_{b}": means[a] / means[b] - 1 for a, b in ((5, 20), (20, 50), (50, 200))}

    def smooth(values: Any, **how: Any) -> Any:
        return values.groupby(frame["who"]).ewm(adjust=False, **how).mean().droplevel(0)

    moves, before = close.diff(), close.shift()
    gain, loss = smooth(moves.clip(lower=0), alpha=1 / 14), smooth(-moves.clip(upper=0), alpha=1 / 14)
    out["rsi"] = 100 * gain / (gain + loss)
    macd = smooth(frame["close"], span=12) - smooth(frame["close"], span=26)
    signal = smooth(macd, span=9)
    out |= {"macd": macd / frame["close"], "signal": signal / frame["close"], "histogram": macd - signal}
    ranges = [frame["high"] - frame["low"], (frame["high"] - before).abs(), (frame["low"] - before).abs()]
    out["atr"] = smooth(pd.concat(ranges, axis=1).max(axis=1), alpha=1 / 14) / frame["close"]
    band = close.rolling(20).std(ddof=0).droplevel(0)
    out |= {"position": (frame["close"] - means[20]) / band, "width": 4 * band / means[20]}
    usual, spread = (getattr(by["volume"].rolling(20), name)().droplevel(0) for name in ("mean", "std"))
    out |= {"zscore": (frame["volume"] - usual) / spread, "ratio": frame["volume"] / usual}
    for w in (20, 252):
        low, high = by["low"].rolling(w).min().droplevel(0), by["high"].rolling(w).max().droplevel(0)
        out |= {f"place_{w}": (frame["close"] - low) / (high - low), f"drawdown_{w}": frame["close"] / high - 1}
    pd.DataFrame(out)


def _load() -> dict[str, float]:
    from django.db import connection  # noqa: PLC0415 - after django.setup

    from instruments.models import Feature  # noqa: PLC0415
    from instruments.quant.features.daily import get_feature_columns  # noqa: PLC0415
    from instruments.store.columns import featured_candles, marked_bars  # noqa: PLC0415
    from instruments.store.read_bars import COLUMNS  # noqa: PLC0415
    from instruments.universes import universe_series  # noqa: PLC0415

    series, keys = universe_series("all"), ("series_id", "timestamp")

    def bare(table: str, columns: tuple[str, ...]) -> None:
        with connection.cursor() as cursor:
            statement = f"COPY (SELECT {', '.join(columns)} FROM {table}) TO STDOUT (FORMAT BINARY)"
            cursor.copy_expert(statement, io.BytesIO())

    rows = Feature.objects.values_list(*keys, *get_feature_columns())
    times = {
        "load_first": _timed(lambda: featured_candles(series)),
        "load_bars": _best(lambda: marked_bars(series)),
        "load_bars_copy": _best(lambda: bare("instruments_pricebar", tuple(name for name, _ in COLUMNS))),
        "load": _best(lambda: featured_candles(series)),
        "load_copy": _best(lambda: bare("instruments_feature", (*keys, *get_feature_columns()))),
        "load_values_list": _timed(lambda: sum(1 for _ in rows.iterator(chunk_size=20_000))),
    }
    both = times["load_bars_copy"] + times["load_copy"]
    _row("load and compute, first time", times["load_first"])
    _row("load bars, second time", times["load_bars"], f"{times['load_bars'] / times['load_bars_copy']:.3f} x COPY")
    _row("bare COPY of the bars", times["load_bars_copy"])
    _row("load both, second time", times["load"], f"{times['load'] / both:.3f} x both COPYs")
    _row("bare COPY of the features", times["load_copy"])
    _row("values_list of the features", times["load_values_list"])
    return times


def _train() -> dict[str, float]:
    import lightgbm  # noqa: PLC0415 - imported before the clock starts, as a warm worker has it

    from training.quant.universe.fit import TREES, parameters  # noqa: PLC0415
    from training.quant.universe.panel import split_panel  # noqa: PLC0415 - after django.setup
    from training.quant.universe.spec import UniverseSpec  # noqa: PLC0415
    from training.quant.universe.train import label_rows, train_universe  # noqa: PLC0415
    from training.recipes.universe.data import universe_data  # noqa: PLC0415

    spec = UniverseSpec()
    panel = universe_data(spec).panel
    labels, split = label_rows(panel, spec), split_panel(panel, horizon=spec.horizon, embargo=0)
    shape = parameters(spec.seed)

    def bare() -> None:
        for rows in (split.train, np.flatnonzero(panel.has_outcome)):
            data = lightgbm.Dataset(panel.features[rows], label=labels[rows], params=shape)
            lightgbm.train({**shape, "objective": "multiclass", "num_class": 3}, data, TREES)
            data.set_label(panel.returns[rows])
            lightgbm.train({**shape, "objective": "regression"}, data, TREES)

    def product() -> None:
        train_universe(universe_data(spec).panel, spec, on_stage=lambda *_: None)

    rounds = [(_timed(bare), _timed(product)) for _ in range(3)]  # in turn: the machine's own speed moves by a tenth
    fits, whole = (min(times) for times in zip(*rounds, strict=True))
    _row("train, bare Dataset and fits", fits)
    _row("train, whole", whole, f"{whole / fits:.2f} x the bare fits")
    return {"train_bare": fits, "train": whole}


def _timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _best(action: Callable[[], object]) -> float:
    """The quickest of three: the first also waits for memory."""
    return min(_timed(action) for _ in range(3))


def _row(name: str, seconds: float, ratio: str = "") -> None:
    print(f"{name:<30}{seconds:>9.2f} s   {ratio}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
