"""Against the protocol in plain loops; nothing from outside the judged days; names may change places."""

import numpy as np
import pytest
from scipy.stats import rankdata, t

from tests.training.quant.universe.test_exposure import prices
from training.quant.universe.exposure import Exposures, exposures_of
from training.quant.universe.judge import RankTest, rank_test, smallest_ic

FIRST, LENGTH, H = 230, 100, 5  # of 330 days: the last two have no close two days later


def judged(scores: np.ndarray, close: np.ndarray, exposures: Exposures, first: int = FIRST) -> RankTest:
    return rank_test(scores, first=first, horizon=H, close=close, exposures=exposures)


def scores_of(close: np.ndarray, traded: np.ndarray, *, seed: int = 2) -> np.ndarray:
    """Some ties, no row where a name doesn't trade; one day has too few rows, one none."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.normal(size=(LENGTH, close.shape[1])), 1)
    scores[~traded[FIRST:]] = np.nan
    scores[40, 6:], scores[60] = np.nan, np.nan
    return scores


def slow_exposures(exposures: Exposures, day: int, rows: list[int]) -> np.ndarray:
    inverse = 1 / exposures.sigma[day, rows]
    count = int(exposures.factors[day // 20])
    more = exposures.loadings[day // 20][rows, :count] if count else (exposures.beta[day, rows] * inverse)[:, None]
    return np.column_stack([inverse, more])


def slow_hc3(y: list[float], x: list[float]) -> float:
    """One-sided p of the intercept."""
    matrix = np.column_stack([np.ones(len(x)), x])
    inverse = np.linalg.inv(matrix.T @ matrix)
    beta = inverse @ matrix.T @ np.array(y)
    covariance = np.zeros((2, 2))
    for row, value in zip(matrix, y, strict=True):
        outside = (value - row @ beta) / (1 - row @ inverse @ row)
        covariance += outside**2 * np.outer(row, row)
    return float(t.sf(beta[0] / np.sqrt((inverse @ covariance @ inverse)[0, 0]), len(y) - 2))


def slow_test(scores: np.ndarray, close: np.ndarray, exposures: Exposures) -> dict[str, float]:
    """PROTOCOL 4b, one day after the other, one name after the other."""
    names = close.shape[1]
    ranks: list[dict[int, float]] = []
    for row in scores:
        there = [j for j in range(names) if not np.isnan(row[j])]
        n = len(there)
        places = rankdata(row[there])
        ranks.append({j: 2 * (places[i] - (n + 1) / 2) / n for i, j in enumerate(there)})
    clipped, ranked, market, net, before = [], [], [], [], np.zeros(names)
    for k in range(len(scores)):
        day, rows = FIRST + k, sorted(ranks[k])
        count = int(exposures.factors[day // 20])
        if day + 2 >= len(close) or len(rows) < max(5, count + 5):
            continue
        held = np.array([sum(ranks[k - age].get(j, 0.0) for age in range(H) if k >= age) / H for j in rows])
        sigma = exposures.sigma[day, rows]
        earned = np.array([close[day + 2, j] / close[day + 1, j] - 1 for j in rows])
        a = slow_exposures(exposures, day, rows)
        maker = np.eye(len(rows)) - a @ np.linalg.pinv(a)
        w = maker @ held
        for values, into in ((np.clip(earned / sigma, -4, 4), clipped), (rankdata(earned / sigma), ranked)):
            z = maker @ (values - (values.mean() if into is ranked else 0.0))
            into.append(float(w @ z / np.linalg.norm(w) / np.linalg.norm(z)))
        market.append(float(earned.mean()))
        weights = np.zeros(names)
        weights[rows] = w / sigma / np.abs(w / sigma).sum()
        net.append(float(weights[rows] @ earned - 5e-4 * np.abs(weights - before).sum()))
        before = weights
    return {
        "p_value": slow_hc3(clipped[1:], market[1:]),
        "ranked_p_value": slow_hc3(ranked[1:], market[1:]),
        "net_p_value": slow_hc3(net[1:], market[1:]),
        "sharpe": float(np.mean(net[1:]) / np.std(net[1:], ddof=1) * np.sqrt(252)),
        "days": len(clipped) - 1,
    }


@pytest.mark.parametrize("names", [24, 12])
def test_it_equals_a_slow_test(names: int) -> None:
    close, traded = prices(names=names)
    exposures, scores = exposures_of(close, traded), scores_of(close, traded)
    result, slow = judged(scores, close, exposures), slow_test(scores, close, exposures)
    assert len(result.days) == slow["days"] == LENGTH - 2 - 1 - (2 if names == 24 else 1)
    assert result.p_value == pytest.approx(slow["p_value"], abs=1e-9)
    assert result.ranked_p_value == pytest.approx(slow["ranked_p_value"], abs=1e-9)
    assert result.after_costs.p_value == pytest.approx(slow["net_p_value"], abs=1e-9)
    assert result.after_costs.sharpe == pytest.approx(slow["sharpe"], abs=1e-9)
    assert (len(result.after_costs.returns), int(result.after_costs.days[0])) == (slow["days"] + 1, FIRST + 2)


def test_the_p_value_of_scores_beside_has_the_bits_of_their_own_test() -> None:
    for names in (24, 12):
        close, traded = prices(names=names)
        exposures, scores = exposures_of(close, traded), scores_of(close, traded)
        for each in (scores, np.full_like(scores, np.nan), scores[:0]):
            other = -each
            both = rank_test(each, first=FIRST, horizon=H, close=close, exposures=exposures, beside=other)
            assert both.beside_p_value == judged(other, close, exposures).p_value
            assert both.p_value == judged(each, close, exposures).p_value
            assert (both.beside_p_value is None) == (each is not scores)


def test_it_finds_tomorrows_returns_and_their_opposite() -> None:
    close, traded = prices()
    exposures, scores = exposures_of(close, traded), scores_of(close, traded)
    known = np.array([close[min(day + 6, 329)] / close[min(day + 1, 329)] for day in range(FIRST, FIRST + LENGTH)])
    seer = np.where(np.isnan(scores), np.nan, known)
    for_it, against_it = judged(seer, close, exposures), judged(-seer, close, exposures)
    assert for_it.p_value is not None and against_it.p_value is not None
    assert for_it.p_value < 1e-6 and for_it.p_value == pytest.approx(1 - against_it.p_value, abs=1e-9)
    paid = for_it.after_costs.p_value, against_it.after_costs.p_value
    assert paid[0] is not None and paid[1] is not None and paid[0] < 0.01 and paid[1] > 0.5


def test_it_looks_two_days_ahead_and_no_further() -> None:
    close, traded = prices()
    exposures, scores = exposures_of(close, traded), scores_of(close, traded)[:50]
    later = close.copy()
    later[FIRST + 49 + 3 :] *= 1.7
    for changed in (later, close[: FIRST + 49 + 3]):
        assert judged(scores, changed, exposures).p_value == judged(scores, close, exposures).p_value
    shorter = judged(scores, close[: FIRST + 40], exposures)
    assert shorter.days[-1] == FIRST + 37
    whole = judged(scores, close, exposures).correlations
    assert np.array_equal(shorter.correlations, whole[: len(shorter.correlations)])


def test_it_judges_names_wherever_they_stand() -> None:
    close, traded = prices()
    scores, order = scores_of(close, traded), np.random.default_rng(3).permutation(close.shape[1])
    result = judged(scores, close, exposures_of(close, traded))
    mixed = judged(scores[:, order], close[:, order], exposures_of(close[:, order], traded[:, order]))
    assert mixed.p_value == pytest.approx(result.p_value, abs=1e-9)
    assert mixed.after_costs.p_value == pytest.approx(result.after_costs.p_value, abs=1e-9)


def test_it_has_no_p_value_where_nothing_is_ranked() -> None:
    close, traded = prices()
    exposures = exposures_of(close, traded)
    for scores in (np.ones((LENGTH, close.shape[1])), np.full((LENGTH, close.shape[1]), np.nan), np.ones((0, 24))):
        result = judged(scores, close, exposures)
        assert (result.p_value, result.ranked_p_value, result.after_costs.p_value) == (None, None, None)
    assert judged(scores_of(close, traded), close, exposures, first=329).p_value is None


@pytest.mark.parametrize(("names", "days", "expected"), [(30, 600, 0.069), (100, 750, 0.034), (250, 750, 0.021)])
def test_it_says_the_smallest_ic_that_it_finds_in_four_of_five_cases(names: int, days: int, expected: float) -> None:
    smallest = smallest_ic(days=days, names=names, horizon=20, level=0.05)
    assert smallest == pytest.approx(expected, abs=5e-4)
    assert smallest_ic(days=0, names=names, horizon=20, level=0.05) is None
