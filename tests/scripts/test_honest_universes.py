"""The made-up universes are what they are said to be, and their rows count what they say."""

import numpy as np
import pytest

from scripts.benchmarks.honest_intervals import NAMES as NAMES_OF_INTERVALS
from scripts.benchmarks.honest_intervals import Interval
from scripts.benchmarks.honest_universes import (
    KINDS,
    NoiseWalk,
    Planted,
    Walk,
    momentum_rows,
    noise_walk,
    noise_walk_rows,
    phase22_noise_rows,
    planted_walk,
    planted_walk_rows,
    reversal_rows,
)
from scripts.benchmarks.universe_markets import universe

BARS, NAMES = 840, 20


@pytest.mark.parametrize("kind", range(4))
def test_it_makes_noise_without_a_mean(kind: int) -> None:
    """Simple returns, over the names of several universes, weighed so that no volatile day decides."""
    scaled = []
    for seed in range(8):
        for bars in KINDS[kind](NAMES, BARS, seed=seed).members.values():
            moves = bars.close[1:] / bars.close[:-1] - 1
            scaled.append(moves.mean() / moves.std() * np.sqrt(len(moves)))
    by_universe = np.array(scaled).reshape(8, NAMES).mean(axis=1)
    assert abs(by_universe.mean()) < 4 * by_universe.std(ddof=1) / np.sqrt(8)


def test_it_lists_a_third_late_and_ends_a_third_early() -> None:
    members = list(universe(NAMES, BARS, seed=3, ragged=True).members.values())
    first, last = min(bars.time[0] for bars in members), max(bars.time[-1] for bars in members)
    assert sum(bars.time[0] > first for bars in members) == sum(bars.time[-1] < last for bars in members) == 6
    assert all((bars.low <= np.minimum(bars.open, bars.close)).all() for bars in members)


def test_its_skewness_rises_with_volatility() -> None:
    deviation, skewness = [], []
    for bars in universe(60, 4_000, seed=1, skewness=1.0).members.values():
        moves = bars.close[1:] / bars.close[:-1] - 1
        deviation.append(moves.std())
        skewness.append(((moves - moves.mean()) ** 3).mean() / moves.std() ** 3)
    order = np.argsort(deviation)
    assert np.mean(np.array(skewness)[order[-12:]]) > np.mean(np.array(skewness)[order[:12]]) + 0.4


def test_its_signal_is_known_at_the_close() -> None:
    """What it says up to a day doesn't depend on how many days follow; its sign is that of what tends to come."""
    made = universe(40, 1_500, seed=5, tilt=0.5, look_back=5)
    moves = np.column_stack([bars.close[1:] / bars.close[:-1] - 1 for bars in made.members.values()])
    assert np.corrcoef(made.signal[10:-1].ravel(), moves[10:].ravel())[0, 1] > 0.1
    turning = universe(40, 1_500, seed=5, tilt=-0.5, look_back=5)
    moves = np.column_stack([bars.close[1:] / bars.close[:-1] - 1 for bars in turning.members.values()])
    recent = sum(moves[5 - k : -1 - k] for k in range(5))
    assert np.corrcoef(turning.signal[6:-1].ravel(), recent.ravel())[0, 1] < -0.8
    assert np.corrcoef(turning.signal[10:-1].ravel(), moves[10:].ravel())[0, 1] > 0.1


@pytest.mark.parametrize("kind", range(4))
def test_what_it_draws_anew_is_like_what_came(kind: int) -> None:
    """The mean square of returns over 20 bars, over many universes; and who has ended earns no more."""
    came, drawn = [], []
    for seed in range(30):
        world = KINDS[kind](NAMES, BARS, seed=seed)
        places = np.arange(100, BARS - 20, 20)
        redrawn = world.redrawn(places, 20, rng=np.random.default_rng(seed))
        for j, bars in enumerate(world.members.values()):
            first = BARS - len(bars) if world.stop[j] == BARS else 0
            own = places[(places >= first) & (places + 20 < world.stop[j])]
            came.append((np.log(bars.close[own - first + 20] / bars.close[own - first]) ** 2).mean())
            drawn.append((np.log1p(redrawn[np.isin(places, own), j]) ** 2).mean())
            assert (redrawn[places >= world.stop[j] - 1, j] == 0).all()
    ratio = np.array(came).reshape(30, NAMES).mean(axis=1) / np.array(drawn).reshape(30, NAMES).mean(axis=1)
    assert abs(np.log(ratio).mean()) < 4 * np.log(ratio).std(ddof=1) / np.sqrt(30)


def walk(p: float) -> Walk:
    return Walk(p, p, 1.0, 0.04)


def noise_of(p: float, *, truth: float = 0.25) -> NoiseWalk:
    return NoiseWalk(walk(p), {name: Interval(0.2, (0.1, 0.3), truth) for name in NAMES_OF_INTERVALS})


def test_its_rows_count_what_they_say() -> None:
    noise = noise_walk_rows([noise_of(0.001)] * 2 + [noise_of(0.04)] * 3 + [noise_of(0.5)] * 95)
    assert [row.inside for row in noise] == [True] * 5 and "(5 of 100), after costs 0" in noise[0].measured
    assert not noise_walk_rows([noise_of(0.001)] * 20 + [noise_of(0.5)] * 80)[1].inside
    wide, beside = noise_of(0.5), noise_of(0.5, truth=0.31)
    assert [row.inside for row in noise_walk_rows([wide] * 80 + [beside] * 20)[2:]] == [False] * 3
    assert len(phase22_noise_rows([walk(0.5)] * 10)) == 1
    assert not planted_walk_rows([walk(0.04)] * 6 + [walk(0.5)] * 14)[0].inside
    worlds = [Planted(walk(r), walk(s)) for r, s in ((0.01, 0.01), (0.01, 0.2), (0.2, 0.01), (0.2, 0.01))] * 25
    recipe, gap = momentum_rows(worlds)
    assert not recipe.inside and "(50 of 100), the signal itself 75" in recipe.measured
    assert (gap.accepted, gap.measured, gap.inside) == ("≤ 18 of 100", "25 (50 and 25)", False)
    assert "rank IC 0.040" in reversal_rows(worlds)[0].measured


@pytest.mark.slow
def test_it_is_not_fooled_and_finds_what_is_planted() -> None:
    """By luck 4 of 8 noise walks are below 0.05 in fewer than 1 of 2,500 sessions."""
    assert sum(noise_walk(seed).walk.p_value < 0.05 for seed in range(8)) < 4
    assert sum(planted_walk(seed).p_value < 0.05 for seed in range(4)) >= 2
