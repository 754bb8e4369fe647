"""Which rows a study looks at."""

from datetime import UTC, datetime

import numpy as np
import pytest

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_set
from tests.training.quant.noise import noise_bars
from training.quant.candle.plan import NotTrainable, plan_candle
from training.quant.candle.spec import CandleSpec, format_time
from training.quant.labels import up_label
from training.quant.search.plan import StudyPlan, plan_study, search_folds

DECISION = 650
BARS = noise_bars(700)


def spec_at(bars: Bars, decision: int, **more: object) -> CandleSpec:
    candle = format_time(datetime.fromtimestamp(int(bars.time[decision]), tz=UTC))
    values = {"train_years": 1.0, "test_window_size": 20, **more}
    return CandleSpec(candle=candle, symbol="X", **values)  # type: ignore[arg-type]


def planned(bars: Bars = BARS, decision: int = DECISION, *, folds: int = 3, **more: object) -> StudyPlan:
    return plan_study(bars, decision=decision, spec=spec_at(bars, decision, **more), folds=folds)


@pytest.mark.parametrize("protocol", ["honest", "poc"])
def test_it_stands_at_the_oldest_confirmation_window_with_the_rows_of_a_run_there(protocol: str) -> None:
    feature_set = {"honest": "scale_free", "poc": "poc16"}[protocol]
    plan = planned(protocol=protocol, feature_set=feature_set)
    assert (plan.steps, plan.decision) == (10, DECISION - 200)
    of_run = plan_candle(BARS, decision=plan.decision, spec=spec_at(BARS, plan.decision, feature_set=feature_set))
    assert plan.train == of_run.split.train
    assert plan.seen_until == plan.candle == datetime.fromtimestamp(int(BARS.time[plan.decision]), tz=UTC)


def test_it_counts_candles_that_moved() -> None:
    bars = noise_bars(700)
    at = DECISION - 30  # closes where the candle before did
    for column in (bars.open, bars.high, bars.low, bars.close, bars.adj_close):
        column[at] = bars.close[at - 1]
    bars.high[at] *= 1.01  # or it would be stale
    plan = planned(bars)
    assert np.isnan(up_label(bars.close)[at - 1]) and plan.decision == DECISION - 201


def test_it_stands_nearer_where_history_is_short_and_says_how_short() -> None:
    first = feature_set("scale_free").warmup + 200  # rows
    for steps in (10, 7, 3):
        plan = planned(decision=first + 20 * steps + 5)
        assert plan.steps == steps
    with pytest.raises(NotTrainable, match=r"holds 195 candles; 200 are needed"):
        planned(decision=first + 20 * 3 - 5)
    with pytest.raises(NotTrainable, match=r"holds 205 candles; 230 are needed"):
        planned(decision=first + 20 * 3 + 5, gap=15)


@pytest.mark.parametrize("n", [199, 200, 260, 479, 480, 2000])
@pytest.mark.parametrize("most", [2, 3, 8])
def test_folds_are_the_last_half_purged_and_expanding(n: int, most: int) -> None:
    folds = search_folds(np.arange(n) % 2.0, folds=most)
    if n < 200:
        assert folds == ()
        return
    assert len(folds) == min(most, (n - n // 2) // 30)
    assert folds[0].held_out.start == n // 2 and folds[-1].held_out.stop == n
    for number, fold in enumerate(folds):
        assert fold.fit == range(fold.held_out.start)  # the outcome of the row before is known at its decision
        assert len(fold.fit) >= 100 and len(fold.held_out) >= 30
        assert number == 0 or fold.held_out.start == folds[number - 1].held_out.stop
    sizes = [len(fold.held_out) for fold in folds]
    assert max(sizes) - min(sizes) <= 1


def test_a_gap_lies_before_each_fold() -> None:
    folds = search_folds(np.arange(600) % 2.0, folds=3, gap=15)
    assert [fold.held_out.start - fold.fit.stop for fold in folds] == [15, 15, 15]


def test_folds_have_both_classes_or_are_fewer() -> None:
    labels = np.arange(400) % 2.0
    labels[350:] = 1.0
    assert len(search_folds(labels, folds=4)) == 3
    labels[200:] = 1.0
    assert search_folds(labels, folds=4) == ()
