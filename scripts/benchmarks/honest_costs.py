"""What the statistics of a run cost beside its training, and whether its figures of money are right.

Shares are of the CPU of training and judging, from bars in memory on; reading and writing files are left out.
"""

import cProfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from scripts.benchmarks.honest_candles import BARS, DECISION, spec_at
from scripts.benchmarks.honest_shares import Row
from scripts.benchmarks.honest_universes import HORIZON, HORIZONS, MARKET, SECTORS
from scripts.benchmarks.markets import market
from scripts.benchmarks.slow_account import slow_performance, slow_tranches
from scripts.benchmarks.universe_markets import Universe, universe
from training.quant.candle.spec import COST_BP
from training.quant.candle.train import CandleOutcome, judge_window, train_candle
from training.quant.stats.backtest import Performance
from training.quant.stats.bootstrap import equity_band
from training.quant.stats.classification import evaluate
from training.quant.stats.overfitting import deflated_sharpe
from training.quant.universe.honest.run import train_honest
from training.quant.universe.metrics import signals_of, simulate_portfolios
from training.quant.universe.prepared import prepare_panel
from training.quant.universe.shelf_life import age_bins
from training.quant.universe.spec import HONEST, PHASE22, UniverseSpec
from training.quant.universe.train import UniverseOutcome, evaluate_predictions, evidence_beside, train_universe

SAME = 1e-9
TRIALS = 10  # of the ledger, that a Sharpe ratio is deflated by
A_YEAR = 252.0  # weekdays
FIGURES = ("sharpe", "max_drawdown", "turnover", "total_return")


def candle_statistics(seed: int) -> float:
    """Share of the CPU of a run with the defaults."""
    return _share(partial(_candle_run, seed), (judge_window, evaluate))


def honest_statistics(seed: int) -> float:
    """The same of a universe of 100 names x 1,250 bars."""
    return _universe_statistics(seed, UniverseSpec(recipe=HONEST))


def phase22_statistics(seed: int) -> float:
    return _universe_statistics(seed, UniverseSpec(recipe=PHASE22))


def money_figures(seed: int) -> float:
    """The largest difference between the product's figures of a candle run and of a universe's portfolio and those of
    an account with plain floats over the same path."""
    outcome, bars = _candle_run(seed), market(BARS, seed=seed)
    assert outcome.strategy is not None
    path = slice(outcome.plan.span.start, outcome.plan.span.stop + 1)
    up = (outcome.test_probability >= outcome.threshold).astype(np.float64)
    slow = slow_performance(up[:, None], bars.open[path, None], bars.close[path, None], COST_BP, outcome.bars_a_year)
    return max(_difference(outcome.strategy, slow), _universe_difference(seed))


def _candle_run(seed: int) -> CandleOutcome:
    bars = market(BARS, seed=seed)
    return train_candle(
        bars,
        decision=DECISION,
        spec=spec_at(bars, DECISION),
        on_stage=lambda *_: None,
        on_round=lambda *_: None,
    )


def _universe_statistics(seed: int, spec: UniverseSpec) -> float:
    made_up = universe(100, 1_250, seed=seed, market=MARKET, sectors=SECTORS)
    statistics = (evaluate_predictions, evidence_beside, age_bins, equity_band, deflated_sharpe)
    return _share(partial(_universe_run, made_up, spec), statistics)


def _universe_run(made_up: Universe, spec: UniverseSpec) -> UniverseOutcome:
    """With all that its result has beside its figures."""
    panel = made_up.panel(*HORIZONS)
    prepared = prepare_panel(panel, recipe=spec.recipe, horizon=spec.horizon)
    if spec.recipe == HONEST:
        outcome = train_honest(panel, spec, on_stage=lambda *_: None, rows=prepared.honest)
    else:
        outcome = train_universe(panel, spec, on_stage=lambda *_: None, exposures=prepared.exposures)
    test, unseen = outcome.test, (outcome.validation, outcome.test)
    rows = np.concatenate([part.rows for part in unseen])
    scores = np.concatenate([part.predictions.scores for part in unseen])
    is_known, day = panel.has_outcome[rows], panel.day[rows]
    ages = day[is_known] - int(day.min())
    age_bins(day[is_known], ages, scores[is_known], panel.returns[rows[is_known]], horizon=spec.horizon)
    returns = test.portfolios.long_short.returns
    equity_band(returns, mean_block=spec.horizon)
    deflated_sharpe(returns, trials=TRIALS)
    return outcome


def _share(run: Callable[[], Any], statistics: Sequence[Callable[..., Any]]) -> float:
    """Of the CPU of `run` the part that is spent in `statistics`, each counted where no other of them called it."""
    profile = cProfile.Profile(time.process_time)
    profile.runcall(run)
    entries, codes = profile.getstats(), {one.__code__ for one in statistics}
    called = [call for entry in entries if entry.code not in codes for call in entry.calls or ()]
    spent = sum(call.totaltime for call in called if call.code in codes)
    return spent / sum(entry.inlinetime for entry in entries)


def _universe_difference(seed: int) -> float:
    """Of BUY and SELL at random: what is advised doesn't matter here."""
    panel = universe(20, 300, seed=seed, ragged=True).panel(HORIZON)
    rows = np.arange(len(panel.day))
    signals = signals_of(np.random.default_rng(seed).integers(0, 3, len(rows)))
    book = simulate_portfolios(panel, rows, signals, horizon=HORIZON).long_short
    first, stop = int(panel.day.min()), len(panel.days) - 1
    table = np.zeros((stop - first, len(panel.symbols)))
    for row in rows[panel.day < stop].tolist():
        day = int(panel.day[row])
        table[day - first, panel.instrument[row]] = signals[row] / int(panel.traded[day].sum())
    prices = panel.open[first : stop + 1], panel.close[first : stop + 1]
    return _difference(book, slow_performance(slow_tranches(table, HORIZON), *prices, COST_BP, A_YEAR))


def _difference(fast: Performance, slow: dict[str, float | None]) -> float:
    pairs = [(getattr(fast, name), slow[name]) for name in FIGURES]
    return max(float("inf") if (a is None) != (b is None) else abs((a or 0.0) - (b or 0.0)) for a, b in pairs)


def share_rows(name: str, most: float, shares: Sequence[float]) -> list[Row]:
    middle = float(np.median(shares))
    text = f"{middle:.1%}, the median of {len(shares)} (to {max(shares):.1%})"
    return [Row(f"statistics, share of the CPU of a run: {name}", f"≤ {most:.0%}", text, middle <= most)]


def money_rows(differences: Sequence[float]) -> list[Row]:
    name = "Sharpe, drawdown, turnover, return against an account with plain floats, largest difference"
    return [Row(name, f"≤ {SAME:.0e}", f"{max(differences):.0e} of {len(differences)} paths", max(differences) <= SAME)]
