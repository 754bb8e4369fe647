"""A cell has the probabilities of a candle run with its settings, and looks at nothing after its last test outcome."""

from dataclasses import replace

import numpy as np

from instruments.quant.bars import Bars
from tests.training.quant.candle.test_train import spec_at, train
from tests.training.quant.noise import noise_bars
from training.quant.candle.confirm import percentile_rank
from training.quant.candle.spec import CandleSpec
from training.quant.labels import up_label
from training.quant.search.cells import Cell
from training.quant.search.train_cell import cell_arrays, train_cell


def cell_at(bars: Bars, decision: int, **more: object) -> Cell:
    spec = spec_at(bars, decision, **more)
    return Cell.from_bytes(content_of(bars, spec))


def content_of(bars: Bars, spec: CandleSpec) -> bytes:
    return train_cell(spec, cell_arrays(bars, feature_sets=[spec.feature_set], timeframe=spec.timeframe))


def test_it_is_the_test_window_of_a_candle_run() -> None:
    bars = noise_bars(1300)
    own = train(bars.slice(0, 1136), 1100)
    cell = cell_at(bars, 1100)
    p_train = own.final.probability(features_of_train_rows(bars))
    assert own.test is not None and own.evidence is not None
    assert np.array_equal(cell.percentile_rank, percentile_rank(own.test_probability, p_train))
    assert (cell.auc, cell.train_rows) == (own.test.auc, own.train.rows)
    assert np.array_equal(cell.time, bars.time[1100:1135])
    assert np.array_equal(cell.up, up_label(bars.close)[1100:1135] == 1)
    assert cell.last_outcome == bars.time[1135]


def features_of_train_rows(bars: Bars) -> np.ndarray:
    arrays = cell_arrays(bars, feature_sets=["scale_free"], timeframe="1d")
    first = 1100 - train(bars.slice(0, 1136), 1100).train.rows
    return arrays.features["scale_free"][first:1100]


def test_bars_after_its_last_test_outcome_change_nothing() -> None:
    bars, other = noise_bars(1300), noise_bars(1300, seed=9)
    spec = spec_at(bars, 1100)
    changed = Bars(*(np.concatenate([getattr(bars, c)[:1136], getattr(other, c)[1136:]]) for c in vars(bars)))
    assert content_of(changed, spec) == content_of(bars, spec) == content_of(bars.slice(0, 1136), spec)
    touched = replace(bars, close=np.where(np.arange(1300) == 1135, bars.close * 0.5, bars.close))
    assert content_of(touched, spec) != content_of(bars, spec)


def test_where_a_run_would_be_refused_it_says_why() -> None:
    bars = noise_bars(400)
    early, late = cell_at(bars, 100), cell_at(bars, 390)
    assert "Too little history" in early.problem and "Too few candles after" in late.problem
    assert (len(early.time), early.auc, early.train_rows) == (0, None, 0)
