"""A cell of a sweep: the candle recipe at one candle with one configuration, judged on its own test window.

A cell is a pure function of its spec and of arrays, and answers bytes, so that any process can work it out. It has the
probabilities of a candle run with the same settings, as standings: PROTOCOL §7.4 pools them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars, Seconds
from instruments.quant.features.candle import feature_matrix
from training.quant.candle.plan import NO_STALE, plan_candle
from training.quant.candle.spec import CandleSpec
from training.quant.candle.train import fit_candle
from training.quant.chunks import Arrays, Chunk
from training.quant.labels import up_label
from training.quant.search.cells import Cell
from training.quant.stats.classification import auc_of_ranks, midranks, percentile_rank

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CellArrays:
    """What the cells of one series share, computed once for all of them. `bars`: adjusted, without stale ones, which
    were at `stale_time`; from the features' warm-up before the earliest training period to the last test outcome.
    `labels`: (n,) with NaN where there is no outcome; `features`: (n, k) by the name of the feature set."""

    bars: Bars
    stale_time: Seconds
    labels: Floats
    features: Mapping[str, Floats]


def cell_arrays(
    bars: Bars, *, feature_sets: Iterable[str], timeframe: str, stale_time: Seconds = NO_STALE
) -> CellArrays:
    """Labels, and the features of each set."""
    features = {name: feature_matrix(bars, name=name, timeframe=timeframe) for name in set(feature_sets)}
    return CellArrays(bars, stale_time, up_label(bars.close), features)


def cells_chunk(bars: Bars, specs: Sequence[CandleSpec], *, stale_time: Seconds) -> Chunk:
    """These cells, of one series."""
    spec = {"cells": [one.as_dict() for one in specs]}
    return Chunk("cells", spec, {**vars(bars), "stale_time": stale_time})


def work_out(spec: Mapping[str, Any], arrays: Arrays) -> Iterator[bytes]:
    """A Cell as bytes for each, in their order."""
    specs = [CandleSpec.from_dict(cell) for cell in spec["cells"]]
    bars = Bars(**{name: values for name, values in arrays.items() if name != "stale_time"})
    shared = cell_arrays(
        bars,
        feature_sets={one.feature_set for one in specs},
        timeframe=specs[0].timeframe,
        stale_time=arrays["stale_time"],
    )
    for one in specs:
        yield train_cell(one, shared)


def train_cell(spec: CandleSpec, arrays: CellArrays) -> bytes:
    """A Cell as bytes. Where a candle run would be refused the cell has no rows, and its problem says why; nothing is
    raised. Looks at no bar after the last test outcome. Deterministic for `spec.seed`."""
    decision = int(np.searchsorted(arrays.bars.time, int(spec.candle_at.timestamp())))
    plan = plan_candle(arrays.bars, decision=decision, spec=spec, stale_time=arrays.stale_time)
    if plan.problem:
        return Cell.failed(plan.problem).to_bytes()
    features, labels, split = arrays.features[spec.feature_set][plan.rows], arrays.labels[plan.rows], plan.split
    _, final = fit_candle(features, labels, split=split, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None)
    test, train = (slice(part.start, part.stop) for part in (split.test, split.train))
    probability = final.probability(features[test])
    up = labels[test] == 1.0
    cell = Cell(
        time=arrays.bars.time[plan.rows[test]],
        up=up,
        percentile_rank=percentile_rank(probability, final.probability(features[train])),
        last_outcome=int(arrays.bars.time[plan.rows[test][-1] + 1]),
        train_rows=len(split.train),
        auc=None if up.all() or not up.any() else auc_of_ranks(midranks(probability), up),
    )
    return cell.to_bytes()
