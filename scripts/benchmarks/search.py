"""A study and a sweep beside the bare fits in them: what Optuna and everything else costs.

(a) K bare fits: LightGBM's own calls, 200 rounds, on datasets of the folds that lie ready
(b) a trial without Optuna: the same fits, judged at every round
(c) a trial of a whole study that a worker carries out, its row stored; and what Optuna takes of it
(d) a sweep of 80 candles x 3 training periods, all its chunks and its claim, beside the fits in it
(e) the same sweep on the site's workers, POST to result, beside two bare processes that make its fits
(f) a click, POST to result, while such a sweep runs, beside one without

a and b by turns, so that a change of the machine's speed meets both, and so what e and f compare. a to d are CPU times
of one thread; medians.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks import search_site
from scripts.benchmarks.bars import write_walk
from scripts.benchmarks.site import running_site

SYMBOL = "BENCH"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench search", description=__doc__)
    parser.add_argument("--data", type=Path, help="file of daily bars of one instrument (default: generated)")
    parser.add_argument("--candle", default="2015-06-12", help="decision candle (default: 2015-06-12)")
    parser.add_argument("--folds", type=int, default=3, help="folds of the study (default: 3)")
    parser.add_argument("--trials", type=int, default=60, help="search trials of a study, at most (default: 60)")
    parser.add_argument("--rounds", type=int, default=20, help="times a and b are measured (default: 20)")
    parser.add_argument("--sweeps", type=int, default=3, help="times e and f are measured (default: 3)")
    parser.add_argument("--output", type=Path, default=Path("var/bench/search.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        data = options.data or Path(folder) / "walk.csv"
        if options.data is None:
            write_walk(data, rows=5000, seed=1)
        with running_site(data, SYMBOL) as site:
            os.environ.update(site.environment)
            import django  # noqa: PLC0415 - settings are read from the environment of the site

            django.setup()
            on_site = search_site.measure(site, SYMBOL, options.candle, options.sweeps)
            result = {**_measure(options), **on_site}
    _report(result)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1))
    return 0


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    from training.quant.search.score import Scorer  # noqa: PLC0415 - these need django.setup
    from training.recipes.candle.data import candle_series  # noqa: PLC0415
    from training.recipes.study.data import study_data, study_plan  # noqa: PLC0415
    from training.recipes.study.spec import parse_study_spec  # noqa: PLC0415

    body = {"candle_date": options.candle, "symbol": SYMBOL, "folds": options.folds, "trials": options.trials}
    spec = parse_study_spec({**body, "then_train": False})
    data = study_data(candle_series(spec.run), spec.run)
    scorer = Scorer(data.bars, plan=study_plan(data, spec), spec=spec.run)
    bare = _bare_fits(scorer, spec.run)
    trial = partial(scorer.score, spec.run)
    bare(), trial()  # warm
    times: dict[str, list[float]] = {"a": [], "b": []}
    for _ in range(options.rounds):
        times["a"].append(_cpu(bare))
        times["b"].append(_cpu(trial))
    return {**{name: median(values) for name, values in times.items()}, **_study(spec), **_sweep()}


def _bare_fits(scorer: Any, spec: Any) -> Callable[[], None]:
    """(a): on the study's own datasets."""
    import lightgbm  # noqa: PLC0415 - slow to import: before the clock

    from training.quant.candle.fit import tree_params  # noqa: PLC0415
    from training.quant.search.score import MOST_ROUNDS  # noqa: PLC0415

    params = {**tree_params(spec), "feature_pre_filter": False}
    datasets = [fold.training for fold in scorer._folds_of(spec.feature_set)]

    def bare() -> None:
        for dataset in datasets:
            lightgbm.train(params, dataset, MOST_ROUNDS)

    return bare


def _study(spec: Any) -> dict[str, Any]:
    """(c): a study asked for, claimed and carried out in this process, with the time inside of LightGBM, features and
    Optuna taken apart."""
    from training.models import TrainingRun  # noqa: PLC0415 - these need django.setup
    from training.quant.search.sampler import Sampler  # noqa: PLC0415
    from training.quant.search.score import Scorer  # noqa: PLC0415
    from training.quant.search.study import Study  # noqa: PLC0415
    from training.runs.services import run_create_claimed  # noqa: PLC0415
    from training.worker.execute import execute  # noqa: PLC0415

    [(run, token)] = run_create_claimed(spec=spec, host="bench", pid=os.getpid())
    parts = {"fits": (Scorer, "score"), "features": (Scorer, "__init__"), "optuna": (Sampler, "ask")}
    with _timed_parts({**parts, "told": (Sampler, "tell"), "importance": (Study, "importance")}) as spent:
        whole = _cpu(lambda: execute(run_pk=run.pk, token=token))
    trials = TrainingRun.objects.get(pk=run.pk).result["trials"]
    optuna = spent["optuna"] + spent["told"]
    rest = whole - optuna - spent["importance"] - spent["fits"] - spent["features"]
    return {
        "trials": trials,
        "study_s": whole,
        "trial_s": whole / trials,
        "optuna_s_a_trial": optuna / trials,
        "rest_share": rest / whole,
    }


def _sweep() -> dict[str, Any]:
    """(d): likewise, its chunks one after another, then the claim over all cells."""
    from training.models import TrainingRun  # noqa: PLC0415 - these need django.setup
    from training.quant.candle import train  # noqa: PLC0415
    from training.recipes.sweep.data import sweep_spec  # noqa: PLC0415
    from training.worker import foreground  # noqa: PLC0415

    body = {"from": "2005-01-01", "to": "2012-12-31", "every": 25, "train_years": [1, 2, 3]}
    spec = sweep_spec(body, default_symbol=SYMBOL)
    family = foreground.create_claimed(spec)
    parts = {"stopped": (train, "fit_until_it_stops"), "kept": (train, "fit_rounds")}
    with _timed_parts(parts) as spent:
        whole = _cpu(lambda: foreground.execute_family(family, None))
    if TrainingRun.objects.filter(parent=family[-1].pk).exclude(status="completed", attempt=1).exists():
        raise SystemExit("Chunks of the sweep were lost to the site's workers. The machine is too busy to measure.")
    return {"cells": spec.cells, "sweep_s": whole, "sweep_fits_s": spent["stopped"] + spent["kept"]}


@contextmanager
def _timed_parts(parts: dict[str, tuple[Any, str]]) -> Iterator[dict[str, float]]:
    """CPU seconds spent in these methods, while inside."""
    spent, before = dict.fromkeys(parts, 0.0), {}

    def timed(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            start = time.process_time()
            try:
                return method(*args, **more)
            finally:
                spent[name] += time.process_time() - start

        return call

    for name, (owner, method) in parts.items():
        before[name] = getattr(owner, method)
        setattr(owner, method, timed(name, before[name]))
    try:
        yield spent
    finally:
        for name, (owner, method) in parts.items():
            setattr(owner, method, before[name])


def _cpu(action: Callable[[], Any]) -> float:
    start = time.process_time()
    action()
    return time.process_time() - start


def _report(result: dict[str, Any]) -> None:
    a, b, trials = result["a"], result["b"], result["trials"]
    rows = [
        ("a  K bare fits", f"{a * 1000:.1f} ms", ""),
        ("b  a trial without Optuna", f"{b * 1000:.1f} ms", f"{b / a:.2f} x a (aim: at most 1.15)"),
        ("c  a trial of a whole study", f"{result['trial_s'] * 1000:.1f} ms", f"{trials} trials"),
        ("   Optuna", f"{result['optuna_s_a_trial'] * 1000:.1f} ms a trial", "(aim: at most 10 ms)"),
        ("   beside LightGBM, features, Optuna", f"{result['rest_share']:.1%}", "of its CPU (aim: at most 5 %)"),
        (
            f"d  a sweep of {result['cells']} cells",
            f"{result['sweep_s']:.1f} s",
            f"{result['sweep_s'] / result['sweep_fits_s']:.2f} x the fits in it (aim: at most 1.1)",
        ),
        (
            "e  the sweep on two workers",
            f"{result['two_workers_s']:.1f} s",
            f"{result['two_bare_s'] / result['two_workers_s']:.2f} of two bare processes (aim: at least 0.9)",
        ),
        (
            "f  a click while a sweep runs",
            f"{result['click_in_sweep_s'] * 1000:.0f} ms",
            f"{result['click_in_sweep_s'] / result['click_s']:.2f} x one without (aim: at most 1.3)",
        ),
    ]
    for name, value, ratio in rows:
        print(f"{name:<38}{value:>18}   {ratio}")


if __name__ == "__main__":
    import sys

    sys.exit(main(sys.argv[1:]))
