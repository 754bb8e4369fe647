"""Against plain loops and numpy's SVD; nothing later than a day moves it; names may change places."""

from itertools import pairwise

import numpy as np
import pytest

from training.quant.universe.exposure import Exposures, at_least_quarter, exposures_of, factor_count, residuals

DAYS, NAMES = 330, 24


def prices(days: int = DAYS, names: int = NAMES, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Closes with a market in them, carried on; the last two names list late, one misses days, one ends."""
    rng = np.random.default_rng(seed)
    moves = 0.01 * rng.normal(size=(days, 1)) + 0.02 * rng.uniform(0.5, 2, names) * rng.normal(size=(days, names))
    traded = np.ones((days, names), dtype=bool)
    traded[:100, -1] = traded[:280, -2] = traded[200:, 0] = False
    traded[150:160:3, 1] = False
    close = np.cumprod(1 + moves, axis=0)
    for j in range(names):
        first = int(traded[:, j].argmax())
        for t in range(days):
            if not traded[t, j]:
                close[t, j] = close[t - 1, j] if t > first else close[first, j]
    return close, traded


def slow_returns(close: np.ndarray, traded: np.ndarray, day: int, j: int) -> list[tuple[int, float]]:
    """(day, return) of name j at each of its bars but the first, up to `day`."""
    bars = [t for t in range(day + 1) if traded[t, j]]
    return [(t, close[t, j] / close[s, j] - 1) for s, t in pairwise(bars)]


def slow_sigma(moves: list[tuple[int, float]]) -> float:
    squares = [r * r for _, r in moves]
    variance = sum(squares[:60]) / len(squares[:60])
    for square in squares[60:]:
        variance = 0.97 * variance + 0.03 * square
    return float(np.sqrt(variance))


def slow_columns(close: np.ndarray, traded: np.ndarray, day: int, rows: list[int]) -> np.ndarray:
    """A_d over `rows`, from the definition."""
    names = close.shape[1]
    moves = {j: slow_returns(close, traded, day, j) for j in range(names)}
    usual = float(np.median([slow_sigma(moves[j]) for j in range(names) if traded[day, j] and len(moves[j]) >= 60]))
    sigma = np.array([max(slow_sigma(moves[j]), usual / 4) for j in rows])
    renewed = day // 20 * 20
    block = np.zeros((250, names))
    for j in range(names):
        inside = [(t, r) for t, r in moves[j] if renewed - 249 <= t <= renewed]
        if len(inside) >= 60:
            values = np.array([r for _, r in inside])
            for t, r in inside:
                block[t - renewed + 249, j] = (r - values.mean()) / values.std()
    count = factor_count(int((block != 0).any(axis=0).sum()))
    if count:
        return np.column_stack([1 / sigma, np.linalg.svd(block)[2][:count][:, rows].T])
    market = {t: np.mean([r for j in range(names) for s, r in moves[j] if s == t]) for t in range(1, day + 1)}
    beta = []
    for j in rows:
        weights = np.array([(1 - 1 / 125) ** -i for i in range(len(moves[j]))])
        both = np.cov([r for _, r in moves[j]], [market[t] for t, _ in moves[j]], aweights=weights, ddof=0)
        beta.append(0.5 + 0.5 * both[0, 1] / both[1, 1])
    return np.column_stack([1 / sigma, np.array(beta) / sigma])


@pytest.mark.parametrize(("names", "day"), [(24, 299), (24, 320), (24, 60), (12, 250)])
def test_it_projects_as_the_slow_one_does(names: int, day: int) -> None:
    close, traded = prices(names=names)
    rows = [j for j in range(names) if len(slow_returns(close, traded, day, j)) >= 60 and traded[day, j]]
    values = np.random.default_rng(3).normal(size=names)
    a = slow_columns(close, traded, day, rows)
    expected = values[rows] - a @ np.linalg.lstsq(a, values[rows], rcond=None)[0]
    present = np.isin(np.arange(names), rows)[None]
    residual = residuals(exposures_of(close, traded), np.array([day]), [values[None]], present)[0][0]
    np.testing.assert_allclose(residual[rows], expected, atol=1e-10)
    assert not residual[~present[0]].any()


def test_it_gives_many_days_what_it_gives_each() -> None:
    close, traded = prices()
    exposures, days = exposures_of(close, traded), np.arange(70, 330, 7)
    values, present = np.random.default_rng(4).normal(size=(len(days), NAMES)), traded[days]
    (together,) = residuals(exposures, days, [values], present)
    for place, day in enumerate(days):
        (alone,) = residuals(exposures, np.array([day]), [values[place : place + 1]], present[place : place + 1])
        assert np.array_equal(alone[0], together[place])


def _until(exposures: Exposures, day: int) -> list[np.ndarray]:
    last = day // 20 + 1
    return [exposures.sigma[: day + 1], exposures.beta[: day + 1], exposures.loadings[:last], exposures.factors[:last]]


@pytest.mark.parametrize("day", [59, 150, 279, 280, 301])
def test_it_knows_nothing_of_later_days(day: int) -> None:
    close, traded = prices()
    whole = _until(exposures_of(close, traded), day)
    rng = np.random.default_rng(5)
    changed, other = close.copy(), traded.copy()
    changed[day + 1 :] *= rng.uniform(0.5, 2.0, changed[day + 1 :].shape)
    other[day + 1 :] = rng.random(other[day + 1 :].shape) < 0.5
    for later in (exposures_of(changed, other), exposures_of(close[: day + 1], traded[: day + 1])):
        for before, after in zip(whole, _until(later, day), strict=True):
            assert np.array_equal(before, after, equal_nan=True)


def test_it_gives_each_name_its_own_wherever_it_stands() -> None:
    close, traded = prices()
    order, days = np.random.default_rng(6).permutation(NAMES), np.arange(100, 330)
    whole, mixed = exposures_of(close, traded), exposures_of(close[:, order], traded[:, order])
    assert np.array_equal(mixed.sigma, whole.sigma[:, order], equal_nan=True)
    np.testing.assert_allclose(mixed.beta, whole.beta[:, order], rtol=1e-12)
    values = np.random.default_rng(7).normal(size=(len(days), NAMES))
    one_way = residuals(whole, days, [values], traded[days])[0][:, order]
    (other_way,) = residuals(mixed, days, [values[:, order]], traded[days][:, order])
    np.testing.assert_allclose(other_way, one_way, atol=1e-9)


def test_it_survives_names_that_never_move_and_names_that_are_alike() -> None:
    close, traded = prices()
    close[:, 3] = 50.0
    close[:, 4] = close[:, 5]
    exposures, days = exposures_of(close, traded), np.arange(100, 330)
    median = np.nanmedian(np.where(traded, exposures.sigma, np.nan)[250])
    assert exposures.sigma[250, 3] == pytest.approx(median / 4, rel=0.1)
    values = np.random.default_rng(8).normal(size=(len(days), NAMES))
    (residual,) = residuals(exposures, days, [values], traded[days])
    assert np.isfinite(residual).all()
    (again,) = residuals(exposures, days, [residual], traded[days])
    np.testing.assert_allclose(again, residual, atol=1e-9)


def test_it_takes_a_quarter_of_the_median_at_least() -> None:
    values = np.array([[1.0, 2.0, 3.0, 0.1, np.nan], [np.nan] * 5])
    eligible = np.array([[True, True, True, False, True], [True] * 5])
    expected = [[1.0, 2.0, 3.0, 0.5, 2.0], [np.nan] * 5]
    np.testing.assert_array_equal(at_least_quarter(values, eligible), expected)
    assert [factor_count(n) for n in (19, 20, 59, 60, 149, 150)] == [0, 3, 3, 8, 8, 10]
