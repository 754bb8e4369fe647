"""The claims of a sweep against slow computations of their own, on what can be counted, and on noise."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from training.quant.search.cells import Cell, PooledRow, pool_cells
from training.quant.search.claim import best_row_test, is_one_better, largest_auc_test, sweep_claim
from training.quant.stats.significance import permutation_test

W = 35
Floats = NDArray[np.float64]


def rows_of(
    rng: np.random.Generator, *, rows: int = 3, bars: int = 140, edge: Floats | float = 0.0, digits: int = 6
) -> tuple[NDArray[np.bool_], Floats]:
    """Labels (bars,) and scores (rows, bars) that know the labels by `edge` of each row."""
    up = rng.random(bars) < 0.5
    scores = rng.random((rows, bars)) + np.reshape(edge, (-1, 1)) * up
    return up, (scores / scores.max()).round(digits)


def pooled(up: NDArray[np.bool_], scores: Floats, *, first: int = 0) -> PooledRow:
    return PooledRow(np.arange(first, first + len(up)), up, scores)


def aucs(up: NDArray[np.bool_], scores: Floats) -> Floats:
    """By counting pairs."""
    differences = scores[:, up][:, :, None] - scores[:, ~up][:, None, :]
    return ((differences > 0) + 0.5 * (differences == 0)).mean(axis=(1, 2))


def slow_anything(up: NDArray[np.bool_], scores: Floats, draws: int) -> float:
    rng = np.random.default_rng(99)
    observed = aucs(up, scores).max()
    return np.mean([aucs(rng.permutation(up), scores).max() >= observed - 1e-12 for _ in range(draws)])


def slow_better(up: NDArray[np.bool_], scores: Floats, draws: int) -> float:
    rng = np.random.default_rng(98)
    reached, own = 0, aucs(up, scores)
    lead = own.max() - own.mean()
    for _ in range(draws):
        swapped = scores.copy()
        for start in range(0, len(up), W):
            swapped[:, start : start + W] = scores[rng.permutation(len(scores)), start : start + W]
        drawn = aucs(up, swapped)
        reached += drawn.max() - drawn.mean() >= lead - 1e-12
    return reached / draws


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("digits", [1, 6])
def test_both_p_values_are_those_of_slow_permutations(seed: int, digits: int) -> None:
    up, scores = rows_of(np.random.default_rng(seed), edge=np.array([0.0, 0.1, 0.2]), digits=digits)
    # 400 slow draws against 1,000: three standard errors at p = 0.5 are 0.09
    assert largest_auc_test(up, scores, seed=1).p_value == pytest.approx(slow_anything(up, scores, 400), abs=0.09)
    assert best_row_test(up, scores, window=W, seed=1) == pytest.approx(slow_better(up, scores, 400), abs=0.09)


def test_the_claim_of_one_row_is_the_permutation_test() -> None:
    for seed in range(5):
        up, scores = rows_of(np.random.default_rng(seed), rows=1, edge=0.1 * seed)
        alone = permutation_test(up, scores[0], seed=1)
        assert alone is not None
        claim = largest_auc_test(up, scores, seed=1)
        assert claim.p_value == pytest.approx(alone.p_value, rel=0.3, abs=0.03)
        assert claim.row == 0


def test_a_strong_edge_has_a_p_value_below_what_permutations_can_count_and_never_zero() -> None:
    up, scores = rows_of(np.random.default_rng(1), bars=700, edge=0.6)
    claim = largest_auc_test(up, scores, seed=1)
    assert claim.draws == 0 and 0 < claim.p_value < 1e-9
    assert largest_auc_test(up, up[None] * 1.0, seed=1).p_value > 0


def test_scores_that_go_along_with_those_before_them_are_no_evidence() -> None:
    # both the labels and the scores wander slowly: 200 samples, more than 20 below 0.05 would be wrong
    rng = np.random.default_rng(5)
    low = 0
    for seed in range(200):
        scores = np.cumsum(rng.normal(size=(2, 140)), axis=1)
        low += largest_auc_test(rng.random(140) < 0.5, scores, seed=seed).p_value < 0.05
    assert 2 <= low <= 20


def test_equally_good_rows_are_seldom_told_apart_and_a_better_one_is() -> None:
    rng = np.random.default_rng(3)
    equal = better = 0
    for seed in range(30):
        up, scores = rows_of(rng, rows=5, bars=16 * W, edge=0.3)
        equal += best_row_test(up, scores, window=W, seed=seed) < 0.05
    for seed in range(10):
        up, scores = rows_of(rng, rows=5, bars=16 * W, edge=np.array([0, 0, 0, 0, 0.4]))
        better += best_row_test(up, scores, window=W, seed=seed) < 0.05
    assert equal <= 5  # 1.5 expected
    assert better >= 9


def test_rows_with_a_single_window_are_exchangeable_whole() -> None:
    up, scores = rows_of(np.random.default_rng(1), bars=W, edge=np.array([0.0, 0.0, 0.9]))
    assert best_row_test(up, scores, window=W, seed=1) == 1.0


def test_each_bar_counts_once_with_the_mean_of_all_models_that_were_tested_on_it() -> None:
    def cell(first: int, ranks: list[float]) -> Cell:
        time = np.arange(first, first + len(ranks))
        return Cell(time, time % 2 == 0, np.array(ranks), first + len(ranks), 100, 0.5)

    row = pool_cells([cell(10, [0.1, 0.2, 0.3]), cell(11, [0.4, 0.5, 0.6]), cell(20, [1.0])])
    assert row.time.tolist() == [10, 11, 12, 13, 20]
    assert row.percentile_rank == pytest.approx([0.1, 0.3, 0.4, 0.6, 1.0])
    assert row.up.tolist() == [True, False, True, False, True]


def test_a_cell_comes_back_from_its_bytes_to_the_same_bits() -> None:
    cell = Cell(np.array([5, 7]), np.array([True, False]), np.array([0.1, 1 / 3]), 9, 700, 1.0)
    again = Cell.from_bytes(cell.to_bytes())
    assert again.to_bytes() == cell.to_bytes()
    assert (again.percentile_rank == cell.percentile_rank).all() and again.up.tolist() == [True, False]
    assert Cell.from_bytes(Cell.failed("Too little – history.").to_bytes()).problem == "Too little – history."


def test_only_bars_that_all_compared_rows_have_are_used_and_short_rows_are_named() -> None:
    up, scores = rows_of(np.random.default_rng(1), bars=200)
    rows = [
        pooled(up, scores[0]),
        pooled(up[20:], scores[1, 20:], first=20),
        pooled(up[150:], scores[2, 150:], first=150),
    ]
    claim = sweep_claim(rows, window=W, seed=42)
    assert claim.bars == 180
    assert claim.rows[0].auc == pytest.approx(roc_auc_score(up[20:], scores[0, 20:]))
    assert [row.bars for row in claim.rows] == [180, 180, 50]
    assert "25%" in claim.rows[2].problem and claim.rows[2].auc is not None
    assert claim == sweep_claim(rows, window=W, seed=42)
    assert claim.p_better is not None


def test_it_claims_nothing_where_there_is_nothing_to_rank() -> None:
    none = pool_cells([])
    empty = sweep_claim([none, none], window=W, seed=42)
    assert (empty.p_value, empty.p_better, empty.bars) == (None, None, 0)
    assert all("none of its cells" in row.problem for row in empty.rows)
    one_class = pooled(np.ones(40, bool), np.linspace(0, 1, 40))
    assert sweep_claim([one_class], window=W, seed=42).p_value is None


@pytest.mark.parametrize(
    ("p_value", "p_better", "level", "named"),
    [(0.001, 0.01, 0.025, True), (0.03, 0.01, 0.025, False), (0.001, 0.05, 0.025, False), (0.001, None, 0.025, False),
     (None, None, 0.025, False), (0.001, 0.01, None, False)],
)  # fmt: skip
def test_a_row_is_named_best_only_by_both_claims(
    p_value: float | None, p_better: float | None, level: float | None, named: bool
) -> None:
    assert is_one_better(p_value=p_value, p_better=p_better, level=level) is named
