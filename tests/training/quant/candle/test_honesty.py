"""The small form of `scripts/bench honesty`: statistical tests, each with a false-alarm rate below 1 in 1,000."""

from scripts.benchmarks.honesty import DECISION, at_most, clicks_rows, confirmed
from scripts.benchmarks.markets import market


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
    assert clicks_rows([False] * 99 + [True])[0].inside
