"""Own figures, held against scikit-learn and against simulation."""

import numpy as np
import pytest
import sklearn.metrics as oracle
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from training.quant.stats.classification import auc_with_interval, best_f1_threshold, evaluate, midranks, wilson


@settings(max_examples=150)
@given(
    n=st.integers(2, 80), seed=st.integers(0, 10_000), ties=st.booleans(), threshold=st.sampled_from([0.3, 0.5, 0.7])
)
def test_it_equals_scikit_learn(n: int, seed: int, ties: bool, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    p = np.clip(np.round(rng.random(n), 1) if ties else rng.random(n), 0.01, 0.99)
    found, said = evaluate(y, p, threshold), (p >= threshold).astype(int)
    assert found.accuracy == pytest.approx(oracle.accuracy_score(y, said))
    assert found.brier == pytest.approx(oracle.brier_score_loss(y, p, labels=[0, 1]))
    assert found.log_loss == pytest.approx(oracle.log_loss(y, p, labels=[0, 1]), rel=1e-6)
    assert list(found.confusion) == oracle.confusion_matrix(y, said, labels=[0, 1]).ravel().tolist()
    if found.auc is None:
        assert len(set(y)) == 1
        assert "auc" in found.undefined
    else:
        assert found.auc == pytest.approx(oracle.roc_auc_score(y, p))
    for name in ("precision", "recall", "f1"):
        value = getattr(found, name)
        expected = getattr(oracle, f"{name}_score")(y, said, zero_division=np.nan)
        assert np.isnan(expected) if value is None else value == pytest.approx(expected)
    if found.mcc is not None:
        assert found.mcc == pytest.approx(oracle.matthews_corrcoef(y, said))


def test_it_says_why_a_figure_is_undefined() -> None:
    found = evaluate(np.ones(5), np.linspace(0.1, 0.4, 5), 0.5)
    assert found.auc is None and found.precision is None and found.mcc is None
    assert set(found.undefined) == {"auc", "precision", "mcc"}
    assert found.recall == 0 and found.accuracy == 0 and found.always_up_accuracy == 1


@given(values=st.lists(st.integers(0, 8), min_size=1, max_size=40))
def test_it_ranks_ties_as_scipy_does(values: list[int]) -> None:
    assert midranks(np.array(values, dtype=float)).tolist() == stats.rankdata(values).tolist()


@given(n=st.integers(1, 300), data=st.data())
def test_it_gives_wilsons_interval(n: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, n))
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_it_covers_the_true_auc_about_as_often_as_it_says() -> None:
    # 600 samples of 35 rows without skill: fewer than 92 % covered has a chance below 1 in 1,000 at a true 95 %.
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(600):
        y = np.repeat([0, 1], [17, 18])
        low, high = auc_with_interval(y, rng.random(35))[1]
        inside += low <= 0.5 <= high
    assert inside / 600 > 0.92


@pytest.mark.parametrize(("auc", "p"), [(1.0, [0.1, 0.2, 0.8, 0.9]), (0.0, [0.8, 0.9, 0.1, 0.2])])
def test_it_does_not_claim_certainty_from_a_perfect_ranking(auc: float, p: list[float]) -> None:
    found, (low, high) = auc_with_interval(np.array([0, 0, 1, 1]), np.array(p))
    assert found == auc
    assert high - low > 0.5


@pytest.mark.slow
@settings(max_examples=80)
@given(n=st.integers(5, 120), seed=st.integers(0, 1000))
def test_it_finds_the_threshold_that_a_full_search_finds(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, p = rng.integers(0, 2, n), rng.random(n)
    grid = [k / 100 for k in range(40, 61)]
    scores = [oracle.f1_score(y, p >= t, zero_division=0) for t in grid]
    ties = [t for t, s in zip(grid, scores, strict=True) if np.isclose(s, max(scores), atol=1e-12)]
    assert best_f1_threshold(y, p, low=40, high=60) == min(ties, key=lambda t: (round(abs(t - 0.5), 6), t))
