"""Bars that only carry the price before them forward are found, whichever way they were filled, and no others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instruments.quant.bars import Bars
from instruments.quant.stale import stale_mask
from tests.training.quant.noise import FILLS, fill_forward, noise_bars


def bars_of(*rows: tuple[float, float, float, float, float]) -> Bars:
    open_, high, low, close, volume = np.array(rows, dtype=np.float64).T
    return Bars(np.arange(len(rows)) * 86_400, open_, high, low, close, volume, close)


@pytest.mark.parametrize(
    ("second", "is_stale"),
    [
        ((9, 9, 9, 9, 0), True),  # flat at the close before
        ((9, 9, 9, 9, 70), True),  # the same, its volume carried or made up
        ((8, 10, 7, 9, 50), True),  # the bar before once more
        ((8, 10, 7, 9, 51), False),
        ((9, 10, 8, 9, 0), True),  # untraded: quotes moved, the close did not
        ((9, 10, 8, 9, 1), False),
        ((9, 10, 8, 9.5, 0), False),
        ((9.5, 9.5, 9.5, 9.5, 0), False),
    ],
)
def test_it_tells_a_carried_price_from_a_traded_one(second: tuple[float, ...], is_stale: bool) -> None:
    bars = bars_of((8, 10, 7, 9, 50), second)  # type: ignore[arg-type]
    assert stale_mask(bars).tolist() == [False, is_stale]


def test_it_takes_no_volume_for_no_trade_only_where_half_of_the_bars_up_to_it_have_volume() -> None:
    untraded = (9, 10, 8, 9, 0)
    traded, moved = (8, 10, 7, 9, 50), (8, 10, 7, 9.5, 0)
    assert stale_mask(bars_of(traded, untraded)).tolist() == [False, True]
    assert stale_mask(bars_of(moved, traded, untraded)).tolist() == [False, False, False]
    assert stale_mask(bars_of(traded, untraded), counts_before=lambda: (8, 4)).tolist() == [False, True]
    assert stale_mask(bars_of(traded, untraded), counts_before=lambda: (9, 4)).tolist() == [False, False]


def test_it_judges_prices_as_stored_whatever_their_adjustment() -> None:
    bars = bars_of((8, 10, 7, 9, 50), (9, 9, 9, 9, 0))
    adjusted = Bars(**{**vars(bars), "adj_close": np.array([4.4, 4.5])})
    assert stale_mask(adjusted).tolist() == [False, True]


@given(seed=st.integers(0, 1000), share=st.floats(0.0, 0.6), how=st.sampled_from(FILLS), cut=st.integers(1, 300))
def test_it_finds_what_was_filled_and_looks_at_earlier_bars_only(seed: int, share: float, how: str, cut: int) -> None:
    clean = noise_bars(200, seed=seed)
    filled, is_fill = fill_forward(clean, seed=seed, share=share, how=how)
    stale = stale_mask(filled)
    if how != "untraded" or share <= 0.4:  # beyond, half of the bars have no volume
        assert np.array_equal(stale, is_fill)
    assert np.array_equal(stale_mask(filled.slice(0, cut)), stale[:cut])
