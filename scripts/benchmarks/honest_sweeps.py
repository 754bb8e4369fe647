"""Sweeps on made-up markets, by the product's own cells and claims. PROTOCOL §7.7."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from instruments.quant.bars import Bars
from scripts.benchmarks.markets import market
from training.quant.candle.spec import SEED, CandleSpec
from training.quant.search.cells import Cell, pool_cells
from training.quant.search.claim import SweepClaim, is_one_better, sweep_claim
from training.quant.search.train_cell import cell_arrays, train_cell
from training.quant.stats.multiple_testing import trial_level
from training.recipes.sweep.spec import SweepSpec

WINDOW, FIRST = 35, 1_400
YEARS = (1.0, 2.0, 3.0, 4.0, 5.0)
SHORT_AND_LONG = (0.5, 0.75, 1.0, 2.0, 3.0)  # of which the last two see the edge of an old market
WITH, CYCLE = 504, 756  # bars of such a market: two years with the edge, from a candle of the map on, then one without
CANDLES, BATCH, SPAN = 16, 50, 1_400  # SPAN: bars that the candles of a batch are among


@dataclass(frozen=True)
class MapClaim:
    """Claim (a)'s p, and the training years of the row that is named as a first trial, None where none is."""

    p_value: float
    named: float | None


def noise_batch(seed: int) -> float:
    return _batch(market(FIRST + SPAN + 2 * WINDOW, seed=seed), seed)


def planted_batch(seed: int) -> float:
    """Bayes AUC 0.60."""
    return _batch(market(FIRST + SPAN + 2 * WINDOW, seed=seed, bayes_auc=0.60), seed)


def noise_map(seed: int) -> MapClaim:
    return _map(market(_bars(WINDOW), seed=seed), WINDOW, YEARS)


def equal_map(seed: int) -> MapClaim:
    """Bayes AUC 0.60 at all times, so that all rows are about as good; two years of training have to do."""
    return _map(market(_bars(WINDOW), seed=seed, bayes_auc=0.60), WINDOW, YEARS[1:])


def unequal_map(seed: int) -> MapClaim:
    """Bayes AUC 0.75 in the two years after each candle, nothing in the year before it: only two years or more of
    training see the edge."""
    bars = _bars(CYCLE)
    has_edge = (np.arange(bars) - FIRST) % CYCLE < WITH
    return _map(market(bars, seed=seed, bayes_auc=0.75, has_edge=has_edge), CYCLE, SHORT_AND_LONG)


def _bars(every: int) -> int:
    return FIRST + (CANDLES - 1) * every + WINDOW + 1


def _batch(bars: Bars, seed: int) -> float:
    """p of 50 candles at random, whose windows overlap."""
    places = np.random.default_rng(seed).choice(np.arange(FIRST, FIRST + SPAN), BATCH, replace=False)
    claim = _claim(bars, np.sort(places).tolist(), (3.0,))
    assert claim.p_value is not None
    return claim.p_value


def _map(bars: Bars, every: int, years: Sequence[float]) -> MapClaim:
    claim = _claim(bars, [FIRST + number * every for number in range(CANDLES)], years)
    assert claim.p_value is not None and claim.largest is not None
    named = is_one_better(p_value=claim.p_value, p_better=claim.p_better, level=trial_level(1))
    return MapClaim(claim.p_value, years[claim.largest] if named else None)


def _claim(bars: Bars, places: Sequence[int], years: Sequence[float]) -> SweepClaim:
    candles = [np.datetime64(int(bars.time[place]), "s").item().strftime("%Y-%m-%dT%H:%M:%SZ") for place in places]
    rows = tuple(CandleSpec(candle="", symbol="NOISE", train_years=own, test_window_size=WINDOW) for own in years)
    sweep = SweepSpec(tuple(candles), rows)
    arrays = cell_arrays(bars, feature_sets=["scale_free"], timeframe="1d")
    cells = [Cell.from_bytes(train_cell(sweep.cell(number), arrays)) for number in range(sweep.cells)]
    pooled = [pool_cells(cells[place :: len(rows)]) for place in range(len(rows))]
    return sweep_claim(pooled, window=WINDOW, seed=SEED)
