import numpy as np
import pytest
from scipy.stats import t

from training.quant.stats.regression import intercept_test


def test_it_equals_hc3_by_its_formula() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(0.3, 1, 40)
    y = 0.2 + 0.5 * x + rng.normal(size=40) * (1 + np.abs(x))
    matrix = np.column_stack([np.ones(40), x])
    inverse = np.linalg.inv(matrix.T @ matrix)
    beta = inverse @ matrix.T @ y
    leverage = np.diag(matrix @ inverse @ matrix.T)
    meat = matrix.T @ np.diag(((y - matrix @ beta) / (1 - leverage)) ** 2) @ matrix
    error = np.sqrt((inverse @ meat @ inverse)[0, 0])
    result = intercept_test(y, x)
    assert result is not None
    assert (result.alpha, result.error) == (pytest.approx(beta[0]), pytest.approx(error))
    assert result.p_value == pytest.approx(t.sf(beta[0] / error, 38))


def test_it_says_nothing_where_nothing_varies() -> None:
    x = np.arange(6.0)
    assert intercept_test(np.zeros(6), x) is None
    assert intercept_test(x, np.zeros(6)) is None
    assert intercept_test(x[:3], x[:3]) is None
    assert intercept_test(2 * x + 1, x) is None
    assert intercept_test(np.array([1.0, 2, 3, 9]), np.array([0.0, 0, 0, 1])) is None
