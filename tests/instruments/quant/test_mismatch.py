"""Two sources' closes held against each other: what differs, and what is only an adjustment."""

import numpy as np
import pytest

from instruments.quant.mismatch import mismatch_of
from tests.instruments.quant.test_health import market

BARS = market(100)
OTHERS = ["old"] * 100


def test_closes_that_differ_are_counted_and_measured() -> None:
    new = BARS.close.copy()
    new[10:40:3] *= np.linspace(1.01, 1.03, 10)
    mismatch = mismatch_of(BARS.time, BARS.close, new, OTHERS, "new")
    assert mismatch is not None and (mismatch.bars, mismatch.common, mismatch.sources) == (10, 100, ["old"])
    assert (mismatch.first, mismatch.last) == (BARS.time[10], BARS.time[37])
    assert mismatch.median == pytest.approx(0.02, rel=1e-9)
    own = ["new"] * 40 + ["old"] * 60
    assert mismatch_of(BARS.time, BARS.close, new, own, "new") is None  # it corrects itself


@pytest.mark.parametrize("ratio", [0.5, 0.97, 4.0])
def test_one_ratio_is_an_adjustment_whether_of_all_bars_or_of_the_first(ratio: float) -> None:
    for stop in (30, 100):
        new = BARS.close.copy()
        new[:stop] = np.round(new[:stop] * ratio, 4)
        assert mismatch_of(BARS.time, BARS.close, new, OTHERS, "new") is None


def test_rounding_is_no_difference_and_a_single_bar_is_one() -> None:
    new = np.round(BARS.close, 2)
    assert mismatch_of(BARS.time, BARS.close, new, OTHERS, "new") is None
    new[50] *= 1.1
    mismatch = mismatch_of(BARS.time, BARS.close, new, OTHERS, "new")
    assert mismatch is not None and mismatch.bars == 1 and mismatch.median == pytest.approx(0.1, abs=1e-3)
