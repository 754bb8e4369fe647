"""The permutation test: right on what can be counted by hand, honest on noise, sharp on a real edge."""

from itertools import combinations

import numpy as np
import pytest

from training.quant.stats.significance import permutation_test, smallest_visible_auc


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
    y = np.tile([0, 1], 100)
    found = permutation_test(y, y + np.random.default_rng(1).random(200), seed=1)
    assert found is not None
    assert found.draws == 100_000
    assert found.p_value == pytest.approx(1 / 100_001)


def test_it_gives_the_same_for_the_same_seed_and_none_for_one_class() -> None:
    y, p = np.array([0, 1] * 10), np.random.default_rng(0).random(20)
    assert permutation_test(y, p, seed=3) == permutation_test(y, p, seed=3)
    assert permutation_test(np.ones(9), np.arange(9.0), seed=1) is None


def test_it_says_what_a_window_can_show_at_all() -> None:
    assert smallest_visible_auc(17, 18) == pytest.approx(0.663, abs=0.001)
    assert smallest_visible_auc(35, 0) is None
