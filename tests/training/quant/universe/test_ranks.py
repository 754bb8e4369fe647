import numpy as np
import pytest
from scipy.stats import rankdata

from training.quant.universe import ranks
from training.quant.universe.ranks import centred_ranks, ranks_by_day


@pytest.fixture
def values() -> np.ndarray:
    rng = np.random.default_rng(1)
    values = rng.integers(0, 6, (40, 13)).astype(float)
    values[rng.random(values.shape) < 0.3] = np.nan
    values[5], values[6] = np.nan, 2.0
    return values


def test_it_ranks_each_day_with_ties_and_gaps(values: np.ndarray) -> None:
    for row, ranked in zip(values, centred_ranks(values), strict=True):
        there = ~np.isnan(row)
        expected = (rankdata(row[there]) - 0.5) / max(there.sum(), 1) - 0.5
        np.testing.assert_allclose(ranked[there], expected, rtol=0, atol=1e-15)
        assert np.isnan(ranked[~there]).all()


def test_it_ranks_the_same_in_blocks_and_as_rows(values: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = centred_ranks(values)
    instrument, day = np.nonzero(np.ones(values.T.shape, dtype=bool))
    rows = ranks_by_day(day + 7, instrument, values[day, instrument])
    assert np.array_equal(rows, whole[day, instrument], equal_nan=True)
    monkeypatch.setattr(ranks, "BLOCK", 30)
    assert np.array_equal(centred_ranks(values), whole, equal_nan=True)
    assert len(ranks_by_day(day[:0], instrument[:0], values[0, :0])) == 0
