import numpy as np
import pytest
from scipy.stats import norm, rankdata

from training.quant.universe.honest.advice import class_probabilities, expected_returns, labels_by_fifths
from training.quant.universe.panel import BUY, HOLD, SELL


def test_it_buys_the_highest_fifth_and_sells_the_lowest() -> None:
    rng = np.random.default_rng(1)
    day = rng.permutation(np.repeat([3, 5, 9, 11], [13, 4, 5, 10]))
    scores, order = rng.integers(0, 4, len(day)).astype(float), rng.permutation(len(day))
    labels = labels_by_fifths(day, scores, order)
    for each, size in ((3, 2), (5, 0), (9, 1), (11, 2)):
        rows = sorted(np.flatnonzero(day == each).tolist(), key=lambda r: (-scores[r], order[r]))
        expected = [BUY] * size + [HOLD] * (len(rows) - 2 * size) + [SELL] * size
        assert labels[rows].tolist() == expected
    assert labels_by_fifths(day[:0], scores[:0], order[:0]).tolist() == []


def test_it_expects_returns_by_rank_and_deviation() -> None:
    rng = np.random.default_rng(2)
    day, instrument = np.repeat([0, 1], 12), np.tile(np.arange(12), 2)
    scores, sigma = rng.integers(0, 5, 24).astype(float), rng.uniform(0.01, 0.03, 24)

    def expected(ic: float) -> np.ndarray:
        return expected_returns(day, instrument, scores, sigma=sigma, mean_return=0.004, ic=ic, horizon=20)

    q = np.concatenate([(rankdata(scores[day == d]) - 0.5) / 12 for d in (0, 1)])
    np.testing.assert_allclose(expected(0.05), 0.004 + 0.05 * sigma * np.sqrt(20) * norm.ppf(q), atol=1e-15)
    assert (expected(-0.05) == 0.004).all()


def test_its_probabilities_are_of_a_normal_return() -> None:
    e, sigma = np.array([0.0, 0.02, -3.0]), np.array([0.02, 0.01, 1e-9])
    p = class_probabilities(e, sigma=sigma, horizon=20, buy=0.05, sell=-0.02)
    spread = sigma * np.sqrt(20)
    np.testing.assert_allclose(p[:, BUY], norm.sf(0.05, e, spread))
    np.testing.assert_allclose(p[:, SELL], norm.cdf(-0.02, e, spread))
    assert p.sum(axis=1) == pytest.approx(1.0) and (p >= 0).all()
