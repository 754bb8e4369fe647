"""Click to result: the whole run beside its bare fits, the site beside a fresh script.

(a) the recipe's bare LightGBM fits on the same matrices, one thread
(b) the whole run in a warm process, once it is claimed: load, features, fits, judgement, files, database
(c) POST to the result in the database, through the running site
(d) a fresh Python process that does what a script would

The rounds interleave a, b, c and d, so that a change of the machine's speed meets all four. Medians; c of the first
click after the start is shown too.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks.bars import write_walk
from scripts.benchmarks.site import ROOT, Site, running_site

SYMBOL = "BENCH"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench candle", description=__doc__)
    parser.add_argument("--data", type=Path, help="file of daily bars of one instrument (default: generated)")
    parser.add_argument("--candle", default="2015-06-12", help="decision candle (default: 2015-06-12)")
    parser.add_argument("--rounds", type=int, default=20, help="times each is measured (default: 20)")
    parser.add_argument("--output", type=Path, default=Path("var/bench/candle.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or Path(folder) / "walk.csv"
        if options.data is None:
            write_walk(data, rows=5000, seed=1)
        with running_site(data, SYMBOL) as site:
            times = _measure(site, options.candle, options.rounds, Path(folder))
    result = _report(times)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(
        json.dumps({**result, "seconds": times, "data": str(options.data or "generated")}, indent=1)
    )
    return 0


def _measure(site: Site, candle: str, rounds: int, folder: Path) -> dict[str, list[float]]:
    os.environ.update(site.environment)
    import django  # noqa: PLC0415 - settings are read from the environment of the site

    django.setup()
    bare, prepare, statistics = _in_process(candle)
    click = clicker(site, candle)
    script = [
        sys.executable,
        str(ROOT / "scripts/benchmarks/fresh_script.py"),
        SYMBOL,
        f"{candle}T00:00:00Z",
        str(folder),
    ]

    def fresh() -> None:
        subprocess.run(script, check=True, env=site.environment, capture_output=True)

    times: dict[str, list[float]] = {"first_click": [timed(click)], "a": [], "b": [], "c": [], "d": []}
    times |= {"whole_cpu": [], "statistics_cpu": []}
    bare(), prepare()(), statistics()  # warm
    for _ in range(rounds):
        times["a"].append(timed(bare))
        whole = prepare()
        cpu = time.process_time()
        times["b"].append(timed(whole))
        times["whole_cpu"].append(time.process_time() - cpu)
        cpu = time.process_time()
        statistics()
        times["statistics_cpu"].append(time.process_time() - cpu)
        times["c"].append(timed(click))
        times["d"].append(timed(fresh))
    return times


Action = Callable[[], None]


def _in_process(candle: str) -> tuple[Action, Callable[[], Action], Action]:
    """In this process: (a); what prepares (b), a run asked for and claimed; the statistics of a run alone."""
    from django.db import transaction  # noqa: PLC0415 - these need django.setup, or are slow to import: before the clock

    from instruments.quant.features.candle import feature_matrix  # noqa: PLC0415
    from training.quant.candle.request import parse_candle_spec  # noqa: PLC0415
    from training.quant.labels import up_label  # noqa: PLC0415
    from training.queue import leases  # noqa: PLC0415
    from training.recipes.candle.data import candle_data, candle_plan, candle_series  # noqa: PLC0415
    from training.runs.services import run_create  # noqa: PLC0415
    from training.worker.execute import execute  # noqa: PLC0415

    spec = parse_candle_spec({"candle_date": candle, "symbol": SYMBOL, "confirm": False})
    data = candle_data(candle_series(spec), spec)
    split = candle_plan(data, spec).split
    features = feature_matrix(data.bars, name=spec.feature_set, timeframe=spec.timeframe)
    labels = up_label(data.bars.close)

    def prepare() -> Action:
        with transaction.atomic():  # or the site's own workers would take it
            run = run_create(user=None, spec=spec)
            token = leases.claim(run.pk, host="bench", pid=os.getpid())
        assert token is not None
        return partial(execute, run_pk=run.pk, token=token)

    return _bare_fits(features, labels, split, spec), prepare, _statistics(data.bars, labels, split)


def _bare_fits(features: Any, labels: Any, split: Any, spec: Any) -> Action:
    """(a): LightGBM's own calls on scaled matrices that lie ready."""
    import lightgbm  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    def rows(values: Any, part: range) -> Any:
        return values[part.start : part.stop]

    scaler = StandardScaler().fit(rows(features, split.fit))
    x_fit, x_validation = (scaler.transform(rows(features, part)) for part in (split.fit, split.validation))
    x_train = StandardScaler().fit_transform(rows(features, split.train))
    params = {
        "objective": "binary",
        "metric": "binary_logloss",
        "learning_rate": spec.learning_rate,
        "num_leaves": spec.num_leaves,
        "max_depth": spec.max_depth,
        "min_data_in_leaf": spec.min_child_samples,
        "seed": spec.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }

    def bare() -> None:
        stop = lightgbm.early_stopping(50, verbose=False)
        training = lightgbm.Dataset(x_fit, rows(labels, split.fit), params=params)
        held_out = lightgbm.Dataset(x_validation, rows(labels, split.validation), reference=training, params=params)
        found = lightgbm.train(params, training, 1000, valid_sets=[held_out], callbacks=[stop])
        whole = lightgbm.Dataset(x_train, rows(labels, split.train), params=params)
        lightgbm.train(params, whole, found.best_iteration)

    return bare


def _statistics(bars: Any, labels: Any, split: Any) -> Action:
    """What a run computes besides features and fits, on made-up probabilities of the same sizes."""
    import numpy as np  # noqa: PLC0415

    from training.quant.candle.train import evidence_of  # noqa: PLC0415
    from training.quant.stats.backtest import simulate, tranche_weights  # noqa: PLC0415
    from training.quant.stats.classification import best_f1_threshold, evaluate  # noqa: PLC0415

    rng = np.random.default_rng(0)
    parts = [(labels[r.start : r.stop], rng.random(len(r))) for r in (split.train, split.validation, split.test)]
    prices = slice(split.test.start, split.test.stop + 1)
    open_, close = bars.open[prices, None], bars.close[prices, None]

    def statistics() -> None:
        threshold = best_f1_threshold(*parts[1], low=40, high=60)
        for y, p in parts:
            evaluate(y, p, threshold)
        y, p = parts[2]
        evidence_of(y, p, seed=1, windows=1)
        for signals in ((p >= threshold).astype(float), np.ones(len(p))):
            weights = tranche_weights(signals[:, None], horizon=1)
            simulate(weights=weights, open_=open_, close=close, cost_bp=5.0, bars_a_year=252.0)

    return statistics


def clicker(site: Site, candle: str) -> Callable[[], None]:
    """(c): the POST, then the run's row until it is over."""
    from training.models import TERMINAL, TrainingRun  # noqa: PLC0415 - after django.setup

    body = {"candle_date": candle, "symbol": SYMBOL, "confirm": False}

    def click() -> None:
        run_id = site.ask("POST", "/api/training/run-poc", body)["run_id"]
        row = TrainingRun.objects.filter(run_id=run_id, status__in=TERMINAL)
        while not (ended := row.values_list("status", flat=True).first()):
            time.sleep(0.002)
        if ended != "completed":
            raise SystemExit(f"run {run_id} ended {ended}")

    return click


def timed(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _report(times: dict[str, list[float]]) -> dict[str, Any]:
    a, b, c, d = (median(times[name]) * 1000 for name in "abcd")
    rows = [
        ("a  bare fits", a, ""),
        ("b  whole run, warm", b, f"{b / a:.2f} x a   (aim: 1.5)"),
        ("c  POST to result", c, f"{c / a:.2f} x a   (aim: 3.5)   a + {c - a:.0f} ms"),
        ("c  first click after start", times["first_click"][0] * 1000, ""),
        ("d  fresh script", d, f"{d / c:.1f} x c"),
    ]
    for name, value, ratio in rows:
        print(f"{name:<28}{value:>9.1f} ms   {ratio}")
    share = median(times["statistics_cpu"]) / median(times["whole_cpu"])
    print(f"{'statistics of b':<28}{share:>9.1%} of its CPU")
    return {
        "median_ms": {"a": a, "b": b, "c": c, "d": d},
        "b_over_a": b / a,
        "c_over_a": c / a,
        "c_minus_a_ms": c - a,
        "d_over_c": d / c,
        "statistics_share": share,
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
