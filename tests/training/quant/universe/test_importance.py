"""Features against shuffled copies: which keep their weight, and that noise doesn't."""

import numpy as np
import pytest

from training.quant.universe.honest.composite import composite_weights, feature_ranks
from training.quant.universe.importance import (
    SHUFFLES,
    FoldImportance,
    importance_stability,
    shadow_weights,
    stand_ins,
)
from training.quant.universe.ranks import row_table

NAMES, DAYS, FEATURES, H = 20, 300, 6, 10


def rows(seed: int, *, ic: float) -> tuple[np.ndarray, ...]:
    """(day, instrument, ranks, targets): features that hardly move, targets that overlap; the first feature leads."""
    rng = np.random.default_rng(seed)
    day, instrument = (each.ravel() for each in np.mgrid[:DAYS, :NAMES])
    slow = np.cumsum(rng.standard_normal((DAYS, NAMES, FEATURES)), axis=0)
    slow -= slow.mean(axis=0)
    daily = rng.standard_normal((DAYS + H, NAMES))
    targets = np.lib.stride_tricks.sliding_window_view(daily, H, axis=0)[:DAYS].sum(axis=-1) / np.sqrt(H)
    ranks = feature_ranks(day, instrument, slow.reshape(-1, FEATURES).astype(np.float32))
    return day, instrument, ranks, targets.ravel() + ic * ranks[:, 0] * np.sqrt(12)


def fold(seed: int, *, ic: float, until: int = DAYS) -> FoldImportance:
    day, instrument, ranks, targets = rows(seed, ic=ic)
    targets = np.where(day < until, targets, np.nan)
    shadows = shadow_weights(ranks, day, instrument, targets, names=NAMES, horizon=H, seed=1)
    return FoldImportance(composite_weights(ranks, targets).tolist(), shadows.tolist())


def test_a_copy_is_another_instruments_and_each_is_taken_once() -> None:
    others = stand_ins(NAMES, count=SHUFFLES, seed=3)
    assert others.shape == (SHUFFLES, NAMES) and (np.sort(others) == np.arange(NAMES)).all()
    assert (others != np.arange(NAMES)).all() and (others == stand_ins(NAMES, count=SHUFFLES, seed=3)).all()


def test_shadow_weights_are_weights_of_copied_features() -> None:
    """Slowly: each instrument's targets beside the ranks of the one that it stands in for."""
    day, instrument, ranks, targets = rows(1, ic=0.3)
    keep = np.random.default_rng(2).random(len(day)) > 0.1
    day, instrument, ranks, targets = day[keep], instrument[keep], ranks[keep], targets[keep]
    targets[::7] = np.nan
    shadows = shadow_weights(ranks, day, instrument, targets, names=NAMES, horizon=1, seed=5)
    table = row_table(day, instrument, NAMES)
    for shadow, other in zip(shadows, stand_ins(NAMES, count=SHUFFLES, seed=5), strict=True):
        total, count = np.zeros(FEATURES), 0
        for row in np.flatnonzero(~np.isnan(targets)).tolist():
            copied = table[day[row], other[instrument[row]]]
            if copied >= 0 and not np.isnan(targets[copied]):
                total, count = total + ranks[row].astype(float) * targets[copied], count + 1
        assert shadow == pytest.approx(total / count, abs=1e-12)


def test_what_leads_is_kept_and_what_does_not_is_not() -> None:
    folds = [fold(1, ic=0.5, until=until) for until in (180, 240, 300)]
    stability = importance_stability([f"f{k}" for k in range(FEATURES)], folds)
    assert stability is not None and stability.folds == 3
    first, *others = stability.features
    assert (first.feature, first.above, first.same_sign, first.is_kept) == ("f0", 3, 3, True) and first.mean > 0
    assert not any(feature.is_kept for feature in others)


def test_noise_is_seldom_above_every_copy() -> None:
    """At most 1 fold in 20, of 60: so at most 8 (1 % of the binomial)."""
    noise = [fold(seed, ic=0.0) for seed in range(60)]
    above = sum(float(np.abs(each.features).max()) > each.largest_shadow for each in noise)
    assert above <= 8


def test_folds_that_share_days_look_steady_and_so_do_their_copies() -> None:
    stability = importance_stability("abcdef", [fold(3, ic=0.0, until=until) for until in (280, 290, 300)])
    assert stability is not None and stability.agreement is not None and stability.shadow_agreement is not None
    assert stability.agreement > 0.8 and stability.shadow_agreement > 0.8


def test_it_needs_two_folds() -> None:
    assert importance_stability("abcdef", [fold(3, ic=0.0)]) is None
