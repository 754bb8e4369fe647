"""Levels that add up to 0.05, Holm as in the textbook, and ledgers by shared members."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.quant.stats.multiple_testing import adjusted_p_value, holm_adjusted, linked_ledgers, trial_level


def test_it_gives_each_trial_its_level() -> None:
    assert [trial_level(k) for k in (1, 2, 7)] == pytest.approx([0.025, 0.05 / 6, 0.05 / 56], rel=1e-12)
    assert 4.9e-6 < trial_level(100) < 5e-6
    assert sum(trial_level(k) for k in range(1, 100_001)) == pytest.approx(0.05, abs=1e-6)


@given(p=st.floats(1e-9, 1.0), k=st.integers(1, 10_000))
def test_it_adjusts_as_the_level_judges(p: float, k: int) -> None:
    assert adjusted_p_value(p, k) == min(1.0, p * k * (k + 1))
    if not np.isclose(p, trial_level(k), rtol=1e-9):
        assert (adjusted_p_value(p, k) < 0.05) == (p < trial_level(k))


@given(p_values=st.lists(st.one_of(st.none(), st.floats(0.0001, 1.0)), min_size=1, max_size=12))
def test_it_adjusts_as_holm_did(p_values: list[float | None]) -> None:
    filled = np.array([1.0 if p is None else p for p in p_values])
    order = np.argsort(filled, kind="stable")
    stepped = np.maximum.accumulate(np.minimum(1.0, (len(filled) - np.arange(len(filled))) * filled[order]))
    expected = [min(stepped[np.flatnonzero(filled[order] == p)]) for p in filled]
    assert holm_adjusted(p_values).tolist() == pytest.approx(expected)


def test_it_adjusts_textbook_values() -> None:
    assert holm_adjusted([0.01, 0.04, 0.03, None]).tolist() == pytest.approx([0.04, 0.09, 0.09, 1.0])
    assert holm_adjusted([0.02, 0.021, 0.022]).tolist() == pytest.approx([0.06, 0.06, 0.06])
    assert holm_adjusted([]).tolist() == []


def test_it_links_what_shares_half_of_the_smaller_directly_or_through_others() -> None:
    sets = [{1, 2, 3, 4}, {3, 4, 5, 6}, {6, 5, 7, 8}, {10, 11, 12}, {12, 20, 21}, set[int](), set[int]()]
    assert linked_ledgers(sets).tolist() == [0, 0, 0, 3, 4, 5, 6]
    assert linked_ledgers([{1}, set(range(100))]).tolist() == [0, 0]
    assert linked_ledgers([]).tolist() == []


@given(sets=st.lists(st.frozensets(st.integers(0, 12), max_size=6), max_size=10))
def test_it_links_as_counting_by_hand(sets: list[frozenset[int]]) -> None:
    group = list(range(len(sets)))
    for _ in sets:
        for a, one in enumerate(sets):
            for b, other in enumerate(sets):
                if one & other and 2 * len(one & other) >= min(len(one), len(other)):
                    group[a] = group[b] = min(group[a], group[b])
    assert linked_ledgers(sets).tolist() == group
