"""Gaps and splits, as the bars alone tell them."""

from dataclasses import replace

import numpy as np
import pytest

from instruments.quant.bars import Bars
from instruments.quant.coverage import DAY, Gap, find_gaps, find_splits, is_adjusted


def bars_on(*days: int) -> Bars:
    ones = np.full(len(days), 10.0)
    return Bars(np.array(days) * DAY, ones, ones, ones, ones, ones, ones)


def test_a_long_weekend_is_no_gap_and_a_missing_week_is_one() -> None:
    assert find_gaps(bars_on(0, 1, 6, 7, 8), "1d") == []
    assert find_gaps(bars_on(0, 1, 8, 9, 100), "1d") == [Gap(9 * DAY, 100 * DAY), Gap(1 * DAY, 8 * DAY)]
    assert find_gaps(bars_on(0, 7, 14), "1w") == [] and find_gaps(bars_on(0, 7, 28), "1w")[0].days == 21
    assert find_gaps(bars_on(3), "1d") == find_gaps(bars_on(), "1d") == []


def test_it_tells_splits_from_dividends_by_the_step_of_the_adjustment() -> None:
    bars = bars_on(0, 1, 2, 3, 4)
    factor = np.array([0.45, 0.49, 0.98, 0.1, 0.1]) * 10.0
    splits = find_splits(replace(bars, adj_close=factor))
    assert [split.time // DAY for split in splits] == [3, 2]
    assert [split.ratio for split in splits] == pytest.approx([0.1 / 0.98, 2.0])
    assert find_splits(bars) == [] and not is_adjusted(bars) and is_adjusted(replace(bars, adj_close=factor))
