"""Rank IC by the age of the model."""

import numpy as np
import pytest

from training.quant.universe.metrics import rank_ic
from training.quant.universe.shelf_life import NONE_SHOWN, AgeBin, age_bins, shelf_life

NAMES, FOLDS, STEP = 30, 10, 60


def world(seed: int, skilled_until: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(day, age, scores, returns) of a walk whose models rank well up to an age and not at all beyond."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(100, 100 + FOLDS * STEP), NAMES)
    age = (day - 100) % STEP + 1
    returns, noise = rng.standard_normal((2, len(day)))
    return day, age, np.where(age <= skilled_until, returns, 0.0) + 1.5 * noise, returns


def test_it_ends_where_skill_ends() -> None:
    bins = age_bins(*world(1, 30), horizon=20)
    assert [(each.first, each.last, each.days) for each in bins] == [
        (1, 15, 150), (16, 30, 150), (31, 45, 150), (46, 60, 150)
    ]  # fmt: skip
    assert shelf_life(bins) == 30
    assert shelf_life(age_bins(*world(2, 0), horizon=20)) == NONE_SHOWN
    assert shelf_life(age_bins(*world(3, 60), horizon=20)) == 60


def test_a_bin_is_the_mean_of_its_days() -> None:
    day, age, scores, returns = world(4, 30)
    rows = (age >= 16) & (age <= 30)
    assert age_bins(day, age, scores, returns, horizon=20)[1].rank_ic == pytest.approx(
        rank_ic(day[rows], scores[rows], returns[rows]).mean()
    )


def test_few_days_have_no_interval_and_so_no_shelf_life() -> None:
    day, age, scores, returns = world(5, 60)
    early = day < 150
    bins = age_bins(day[early], age[early], scores[early], returns[early], horizon=20)
    assert {each.rank_ic_interval for each in bins if each.rank_ic_interval is None} and shelf_life(bins) is None
    nothing = np.empty(0, dtype=np.int64)
    assert age_bins(nothing, nothing, np.empty(0), np.empty(0), horizon=20) == [] and shelf_life([]) is None


def test_short_steps_have_fewer_bins_and_days_that_do_not_vary_none() -> None:
    day = np.repeat(np.arange(6), 3)
    flat = np.zeros(18)
    assert age_bins(day, day % 2 + 11, flat, flat, horizon=1) == [
        AgeBin(11, 11, 0, None, None),
        AgeBin(12, 12, 0, None, None),
    ]
