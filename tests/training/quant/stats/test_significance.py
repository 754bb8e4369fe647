"""The permutation test: right on what can be counted by hand, honest on noise, sharp on a real edge."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from training.quant.stats.classification import midranks
from training.quant.stats.significance import mann_whitney_tail, permutation_test, smallest_visible_auc


def test_it_agrees_with_counting_every_permutation() -> None:
    rng = np.random.default_rng(5)
    y, p = np.array([0, 1, 1, 0, 1, 0, 1, 1]), rng.random(8)
    ranks = p.argsort().argsort()
    observed = ranks[y == 1].sum()
    exact = np.mean([ranks[list(c)].sum() >= observed for c in combinations(range(8), 5)])
    found = permutation_test(y, p, seed=1)
    assert found is not None
    assert found.p_value == pytest.approx(exact, abs=0.05)


def test_it_is_right_about_noise() -> None:
    # 400 samples without skill: more than 35 below 0.05 has a chance under 1 in 1,000 at a true 5 %.
    rng = np.random.default_rng(7)
    low = 0
    for seed in range(400):
        found = permutation_test(rng.integers(0, 2, 105), rng.random(105), seed=seed)
        low += found is not None and found.p_value < 0.05
    assert 6 <= low <= 35


def test_it_draws_more_where_few_draws_reach_the_observed_value() -> None:
    rng = np.random.default_rng(1)
    y = np.tile([0, 1], 100)
    found = permutation_test(y, 0.45 * y + rng.normal(size=200), seed=1)
    assert found is not None
    assert found.draws == 100_000
    assert 10 / 100_001 < found.p_value < 10 / 1_001


@given(seed=st.integers(0, 10_000), digits=st.integers(1, 8))
def test_its_normal_tail_is_that_of_mann_and_whitney_corrected_for_ties(seed: int, digits: int) -> None:
    rng = np.random.default_rng(seed)
    y, scores = rng.integers(0, 2, 120), rng.normal(size=120).round(digits)
    expected = mannwhitneyu(scores[y == 1], scores[y == 0], alternative="greater", method="asymptotic",
                            use_continuity=False).pvalue  # fmt: skip
    assert mann_whitney_tail(midranks(scores), y == 1) == pytest.approx(expected, rel=1e-9)


def test_it_goes_on_with_the_normal_tail_where_permutations_end() -> None:
    y = np.tile([0, 1], 192)
    scores = y + np.random.default_rng(1).normal(size=384)
    found = permutation_test(y, scores, seed=1)
    assert found is not None and found.draws == 0
    assert found.p_value == mann_whitney_tail(midranks(scores), y == 1) < 1e-9


def test_it_never_says_more_by_the_tail_than_was_counted() -> None:
    # 9 above 9: one arrangement of 48,620 does as well, which the normal tail takes for likelier than it is.
    y = np.repeat([0, 1], 9)
    found = permutation_test(y, np.arange(18.0), seed=1)
    assert found is not None
    assert mann_whitney_tail(np.arange(1.0, 19.0), y == 1) > found.p_value
    assert found.draws == 100_000


def test_it_gives_the_same_for_the_same_seed_and_none_for_one_class() -> None:
    y, p = np.array([0, 1] * 10), np.random.default_rng(0).random(20)
    assert permutation_test(y, p, seed=3) == permutation_test(y, p, seed=3)
    assert permutation_test(np.ones(9), np.arange(9.0), seed=1) is None


def test_it_says_what_a_window_can_show_at_all() -> None:
    assert smallest_visible_auc(17, 18) == pytest.approx(0.663, abs=0.001)
    assert smallest_visible_auc(35, 0) is None
