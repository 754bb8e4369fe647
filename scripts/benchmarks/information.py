"""The statistics of a universe run and of its walk, each as a share of the CPU of what they stand beside."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import numpy as np

from instruments.quant.features.daily import daily_features
from scripts.benchmarks.universe_markets import universe
from training.quant.stats.bootstrap import equity_band
from training.quant.stats.overfitting import backtest_overfitting, deflated_sharpe
from training.quant.universe.evidence import universe_evidence
from training.quant.universe.fit import shadow_gains
from training.quant.universe.honest.composite import horizons_of
from training.quant.universe.honest.run import fold_importance, train_honest
from training.quant.universe.honest.train import honest_rows
from training.quant.universe.honest.walk import honest_fold
from training.quant.universe.panel import Panel, make_panel
from training.quant.universe.shelf_life import age_bins
from training.quant.universe.spec import HONEST, PHASE22, UniverseSpec
from training.quant.universe.train import (
    UniverseOutcome,
    beside_logistic,
    evidence_beside,
    train_universe,
)
from training.quant.walk_forward.folds import plan_walk, walk_fold
from training.quant.walk_forward.spec import WalkSpec

MOST = 0.05  # of the CPU
CONFIGURATIONS = 50  # that a PBO is computed over


def main(arguments: list[str]) -> int:
    """Training alone is the whole: reading and writing, which a run pays as well, are left out."""
    parser = argparse.ArgumentParser(prog="scripts/bench information", description=__doc__)
    parser.add_argument("--names", type=int, default=100, help="instruments that are made up (default: 100)")
    parser.add_argument("--bars", type=int, default=1250, help="of each (default: 1250)")
    parser.add_argument("--rounds", type=int, default=5, help="whose median is taken (default: 5)")
    parser.add_argument("--output", type=Path, default=Path("var/bench/information.json"), help="where the JSON goes")
    options = parser.parse_args(arguments)
    members = universe(options.names, options.bars, seed=1, market=0.01).members
    named = zip(members, members.values(), daily_features(list(members.values())), strict=True)
    panel = make_panel(list(named), horizons=horizons_of(UniverseSpec().horizon), first_day=0)
    shares = {}
    for recipe in (HONEST, PHASE22):
        spec = UniverseSpec(recipe=recipe)
        shares[f"run, {recipe}"] = _run_share(panel, spec, options.rounds)
        shares[f"walk's last fold, {recipe}"] = _fold_share(panel, spec, options.rounds)
    print(f"{options.names} instruments, {options.bars} bars; aim of a run: at most {MOST:.0%}")
    for name, (whole, statistics) in shares.items():
        print(f"{name:<28}{statistics / whole:>7.1%} of its CPU  ({statistics * 1e3:.0f} of {whole * 1e3:.0f} ms)")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps({name: share[1] / share[0] for name, share in shares.items()}, indent=1))
    return 0


def _run_share(panel: Panel, spec: UniverseSpec, rounds: int) -> tuple[float, float]:
    train = train_honest if spec.recipe == HONEST else train_universe
    outcomes: list[UniverseOutcome] = []
    whole = _cpu(rounds, lambda: outcomes.append(train(panel, spec, on_stage=lambda *_: None)))
    return whole, _cpu(rounds, lambda: _statistics(panel, spec, outcomes[0]))


def _statistics(panel: Panel, spec: UniverseSpec, outcome: UniverseOutcome) -> None:
    test, horizon = outcome.test, spec.horizon
    universe_evidence(panel, test.rows, test.predictions.scores, horizon=horizon)
    known = test.rows[panel.has_outcome[test.rows]]
    day = panel.day[known]
    scores = test.predictions.scores[panel.has_outcome[test.rows]]
    age_bins(day, day - int(day.min()), scores, panel.returns[known], horizon=horizon)
    equity_band(test.portfolios.long_short.returns, mean_block=horizon)
    deflated_sharpe(test.portfolios.long_short.returns, trials=10)
    if spec.recipe == PHASE22:
        linear = beside_logistic(panel, outcome.labels, outcome.split.train, test.rows)
        evidence_beside(panel, test.rows, linear, horizon)


def _fold_share(panel: Panel, spec: UniverseSpec, rounds: int) -> tuple[float, float]:
    """With a tenth of what the pooling of ten folds computes."""
    plan = plan_walk(panel, WalkSpec(spec, folds=10, step=60))
    first, last = plan.span(9)
    statistics: Callable[[], Any]
    if spec.recipe == HONEST:
        rows = honest_rows(panel, spec.horizon)
        fold = honest_fold(rows, first=first, last=last, with_trees=True, seed=spec.seed)
        statistics = lambda: fold_importance(rows, fold, spec, since=0)  # noqa: E731
    else:
        used, judged = plan.used(9), plan.evaluated(9)

        def statistics() -> None:
            shadow_gains(panel, used, seed=spec.seed)
            beside_logistic(panel, plan.labels, used, judged)

    returns = np.random.default_rng(1).normal(0, 0.01, (CONFIGURATIONS, 600))
    pooling = _cpu(rounds, lambda: (equity_band(returns[0], mean_block=20), backtest_overfitting(returns)))
    whole = _cpu(rounds, lambda: walk_fold(plan, 9, on_fold=lambda *_: None))
    return whole, _cpu(rounds, statistics) + pooling / 10


def _cpu(rounds: int, action: Callable[[], Any]) -> float:
    """Median seconds of CPU, all threads together."""
    seconds = []
    for _ in range(rounds):
        start = process_time()
        action()
        seconds.append(process_time() - start)
    return median(seconds)
