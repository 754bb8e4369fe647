"""The small form of `scripts/bench honesty`: statistical tests, each with a false-alarm rate below 1 in 1,000."""

from collections.abc import Callable

import numpy as np
import pytest

from instruments.quant.bars import Bars
from instruments.quant.stale import stale_mask
from scripts.benchmarks.honest_candles import (
    BARS,
    DECISION,
    confirmed,
    filled_run,
    label_of_trial,
    session_rows,
    stale_rows,
    untraded_run,
)
from scripts.benchmarks.honest_shares import at_most
from scripts.benchmarks.markets import filled_forward, market, untraded
from training.quant.candle.verdict import Evidence, Label

pytestmark = pytest.mark.slow


def test_it_is_seldom_impressed_by_noise() -> None:
    # At a true 5 %, 7 or more of 24 below 0.05 come up 2 times in 10,000.
    p_values = [confirmed(market(1_500, seed=seed), DECISION)[0].p_value for seed in range(300, 324)]
    assert sum(p < 0.05 for p in p_values) <= 6


def test_it_finds_a_planted_signal() -> None:
    # Found in 9 of 10 runs: fewer than 2 of 5 come up 5 times in 10,000.
    p_values = [confirmed(market(1_500, seed=seed, bayes_auc=0.65), DECISION)[0].p_value for seed in range(400, 405)]
    assert sum(p < 0.05 for p in p_values) >= 2


def test_its_bench_holds_shares_against_their_bound() -> None:
    assert at_most("", 31, 400, 0.05).inside
    assert not at_most("", 33, 400, 0.05).inside
    assert session_rows([False] * 99 + [True])[0].inside
    assert stale_rows("", [0.5] * 99 + [0.01])[0].inside
    assert not stale_rows("", [0.5] * 99 + [None])[0].inside  # it refused one


def test_its_bench_judges_the_kth_click_by_the_kth_level() -> None:
    def label(p: float, k: int, *, windows: int = 11, up: int = 200) -> Label:
        return label_of_trial(Evidence(0.6, None, p, 385, windows, 190, up), k)

    assert [label(0.001, k) for k in (1, 6, 7)] == [Label.EVIDENCE, Label.EVIDENCE, Label.WEAK]
    assert label(0.001, 1, windows=3) == label(0.001, 1, up=385) == Label.WEAK


@pytest.mark.parametrize(("make", "share"), [(filled_forward, 0.1), (untraded, 0.2)])
def test_its_stale_bars_are_those_that_the_product_leaves_out(make: Callable[..., Bars], share: float) -> None:
    clean = market(BARS, seed=1)
    bars = make(clean, share=share, seed=1)
    is_stale = stale_mask(bars)
    assert is_stale.mean() == pytest.approx(share, abs=0.001)
    assert np.isin(bars.close[~is_stale], clean.close).all()


def test_it_trains_where_bars_are_stale() -> None:
    assert filled_run(1) is not None and untraded_run(1) is not None
