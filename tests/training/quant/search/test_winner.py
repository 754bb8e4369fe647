"""When a study takes what it found."""

import math

import numpy as np
import pytest

from training.quant.search.winner import choose, paired_gain


@pytest.mark.parametrize("n", [100, 371, 400])
def test_the_gain_is_the_mean_over_blocks_of_20_rows_with_its_standard_error(n: int) -> None:
    rng = np.random.default_rng(n)
    user, other = rng.random(n), rng.random(n)
    differences = [u - o for u, o in zip(user.tolist(), other.tolist(), strict=True)]
    mean = sum(differences) / n
    blocks = [differences[start : start + 20] for start in range(0, n, 20)]
    squares = sum(sum(d - mean for d in block) ** 2 for block in blocks)
    error = math.sqrt(len(blocks) / (len(blocks) - 1) * squares) / n
    gain = paired_gain(user, other)
    assert (gain.mean, gain.error) == (pytest.approx(mean), pytest.approx(error))
    if n % 20 == 0:  # blocks of one size: the textbook's standard error of their mean
        means = [sum(block) / 20 for block in blocks]
        assert gain.error == pytest.approx(np.std(means, ddof=1) / math.sqrt(len(blocks)))


def test_more_than_two_standard_errors_are_needed() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 400)
    noise -= noise.mean()
    error = paired_gain(noise, np.zeros(400)).error
    assert not paired_gain(noise + 1.99 * error, np.zeros(400)).is_real
    assert paired_gain(noise + 2.01 * error, np.zeros(400)).is_real
    assert not paired_gain(noise, noise).is_real


def test_it_takes_the_better_of_those_that_beat_yours() -> None:
    user = np.full(100, 0.7) + np.random.default_rng(1).normal(0, 0.01, 100)
    worse, better, best = user + 0.1, user - 0.1, user - 0.2
    assert choose(user=user, found=user, steady=worse) == "yours"
    assert choose(user=user, found=better, steady=worse) == "found"
    assert choose(user=user, found=better, steady=best) == "steady"
    assert choose(user=user, found=best, steady=better) == "found"
    assert choose(user=user, found=user, steady=better) == "steady"
    assert choose(user=user, found=better, steady=better) == "steady"  # simpler
