"""The same questions asked of universes: walks over made-up ones, from their prices to the judge's p-value."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from instruments.quant.features.daily import daily_features
from scripts.benchmarks.honest_intervals import Interval, interval_rows, intervals
from scripts.benchmarks.honest_shares import Row, at_least, at_most, share_text
from scripts.benchmarks.markets import market
from scripts.benchmarks.universe_markets import Universe, universe
from training.quant.universe.honest.composite import horizons_of
from training.quant.universe.honest.train import HonestRows, honest_rows, mean_ic, score_table
from training.quant.universe.honest.walk import HonestFold, honest_fold, judge_walk
from training.quant.universe.judge import RankTest, rank_test
from training.quant.universe.panel import Panel, make_panel
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.train import fit_rows
from training.quant.walk_forward.folds import plan_walk
from training.quant.walk_forward.spec import WalkSpec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WALK = WalkSpec(UniverseSpec(), folds=10, step=60)
HORIZON, SEED = WALK.spec.horizon, WALK.spec.seed
HORIZONS = horizons_of(HORIZON)
NOISE_NAMES, NOISE_BARS = 20, 840
MARKET = 0.01  # deviation of the market's return a day
KINDS = (  # of noise, a quarter of the seeds each
    partial(universe),
    partial(universe, market=MARKET, beta_drift=0.02),
    partial(universe, market=MARKET, ragged=True),
    partial(universe, market=MARKET, skewness=1.0),
)
MOMENTUM, REVERSAL = 0.054, -0.29  # tilts: rank IC 0.04 of the last 20 own returns and 0.05 of the last 5, simulated
SECTORS = 10


@dataclass(frozen=True)
class Walk:
    """p-values of one walk, 1 where there is nothing to judge, and the mean rank IC of its scores."""

    p_value: float
    ranked_p_value: float
    after_costs: float
    rank_ic: float


@dataclass(frozen=True)
class NoiseWalk:
    """With the intervals of its recommendations, by name."""

    walk: Walk
    intervals: dict[str, Interval]


@dataclass(frozen=True)
class Planted:
    """Of a walk over a planted universe, and of the planted signal itself on the same rows."""

    recipe: Walk
    signal: Walk


def noise_walk(seed: int) -> NoiseWalk:
    """`honest` where nothing foretells anything."""
    world = _noise(seed)
    walk, rows, folds = _honest(world.panel(*HORIZONS))
    return NoiseWalk(walk, intervals(world, rows, *_said(folds), spec=WALK.spec, seed=seed))


def phase22_noise_walk(seed: int) -> Walk:
    """`phase22` there: its expected return is the score."""
    panel = _noise(seed).panel(*HORIZONS)
    plan, rows = plan_walk(panel, WALK), honest_rows(panel, HORIZON)
    chosen = [_between(rows, *plan.span(number)) for number in range(WALK.folds)]
    pairs = [fit_rows(panel, plan.labels, plan.used(number), seed=SEED) for number in range(WALK.folds)]
    scores = [pair.expected(panel.features[fold]) for pair, fold in zip(pairs, chosen, strict=True)]
    return _judged(panel, rows, np.concatenate(chosen), np.concatenate(scores))


def planted_walk(seed: int) -> Walk:
    """30 names of 840 days where who rose in 20 days tends to rise in the next: rank IC 0.10."""
    many = [market(840, seed=1_000 * seed + i, rank_ic=0.10, daily=0.02) for i in range(30)]
    named = zip((f"S{i:02}" for i in range(30)), many, daily_features(many), strict=True)
    return _honest(make_panel(list(named), horizons=HORIZONS, first_day=0))[0]


def planted_momentum(seed: int) -> Planted:
    """100 names of 1,250 days with a market, sectors and betas, whose own returns of 20 days go on."""
    return _planted(seed, tilt=MOMENTUM, look_back=20)


def planted_reversal(seed: int) -> Planted:
    """The same, whose own returns of 5 days turn."""
    return _planted(seed, tilt=REVERSAL, look_back=5)


def _noise(seed: int) -> Universe:
    return KINDS[seed % len(KINDS)](NOISE_NAMES, NOISE_BARS, seed=seed)


def _planted(seed: int, *, tilt: float, look_back: int) -> Planted:
    world = universe(100, 1_250, seed=seed, market=MARKET, sectors=SECTORS, tilt=tilt, look_back=look_back)
    panel = world.panel(*HORIZONS)
    recipe, rows, folds = _honest(panel)
    chosen = _between(rows, folds[0].first, folds[-1].last)
    signal = world.signal[rows.day[chosen], rows.instrument[chosen]]  # every day counts: all names trade on it
    return Planted(recipe, _judged(panel, rows, chosen, signal))


def _honest(panel: Panel) -> tuple[Walk, HonestRows, list[HonestFold]]:
    plan, rows = plan_walk(panel, WALK), honest_rows(panel, HORIZON)
    spans = [plan.span(number) for number in range(WALK.folds)]
    folds = [honest_fold(rows, first=first, last=last, with_trees=False, seed=SEED) for first, last in spans]
    return _walk(judge_walk(rows, folds, close=panel.close), rows, *_said(folds)), rows, folds


def _said(folds: Sequence[HonestFold]) -> tuple[Ints, Floats]:
    """Numbers of the rows of all folds, and their scores."""
    return np.concatenate([fold.rows for fold in folds]), np.concatenate([fold.scores["composite"] for fold in folds])


def _between(rows: HonestRows, first: int, last: int) -> Ints:
    return np.flatnonzero((rows.day >= first) & (rows.day <= last))


def _judged(panel: Panel, rows: HonestRows, chosen: Ints, scores: Floats) -> Walk:
    first, last = int(rows.day[chosen].min()), int(rows.day[chosen].max())
    table = score_table(rows, chosen, scores, first=first, last=last)
    test = rank_test(table, first=first, horizon=HORIZON, close=panel.close, exposures=rows.exposures)
    return _walk(test, rows, chosen, scores)


def _walk(test: RankTest, rows: HonestRows, chosen: Ints, scores: Floats) -> Walk:
    values = (test.p_value, test.ranked_p_value, test.after_costs.p_value)
    p_value, ranked, after_costs = (1.0 if value is None else value for value in values)
    return Walk(p_value, ranked, after_costs, mean_ic(rows, chosen, scores, until=len(rows.exposures.sigma) - 1) or 0.0)


def noise_walk_rows(walks: Sequence[NoiseWalk]) -> list[Row]:
    """A quarter each: names for themselves; betas that drift; late listings and early ends; skewness that rises with
    volatility."""
    name, n = _noise_name("honest"), len(walks)
    in_tail = sum(one.walk.p_value < 0.0083 for one in walks)
    return [
        _false_alarms(name, [one.walk for one in walks]),
        at_most(f"{name}, p < 0.0083", in_tail, n, 0.012),
        *interval_rows("the same walks", [one.intervals for one in walks]),
    ]


def phase22_noise_rows(walks: Sequence[Walk]) -> list[Row]:
    return [_false_alarms(_noise_name("phase22"), walks)]


def _noise_name(recipe: str) -> str:
    return f"noise, `{recipe}` walks of 10 x 60 days over 20 names x 840"


def _false_alarms(name: str, walks: Sequence[Walk]) -> Row:
    row = at_most(f"{name}, p < 0.05", sum(walk.p_value < 0.05 for walk in walks), len(walks), 0.05)
    return replace(row, measured=f"{row.measured}, after costs {sum(walk.after_costs < 0.05 for walk in walks)}")


def planted_walk_rows(walks: Sequence[Walk]) -> list[Row]:
    name = "planted rank IC 0.10, `honest` walks of 10 x 60 days over 30 names x 840, p < 0.05"
    row = at_least(name, sum(walk.p_value < 0.05 for walk in walks), len(walks), 0.80)
    return [replace(row, measured=f"{row.measured}, their own rank IC {_mean_ic(walks)}")]


def momentum_rows(worlds: Sequence[Planted]) -> list[Row]:
    """How much of what the signal itself shows the recipe may miss: by the worlds that only one of them shows."""
    name = "planted rank IC 0.04, `honest` walks of 10 x 60 days over 100 names x 1,250, market, sectors and betas"
    by_recipe, by_signal = (_is_below(worlds, name) for name in ("recipe", "signal"))
    missed, more = int((by_signal & ~by_recipe).sum()), int((by_recipe & ~by_signal).sum())
    most = int(binom.isf(0.01, len(worlds), 0.10))
    row = at_least(f"{name}, p < 0.05", int(by_recipe.sum()), len(worlds), 0.65)
    return [
        replace(row, measured=f"{row.measured}, the signal itself {int(by_signal.sum())}; {_ics(worlds)}"),
        Row(
            "the same: by the signal itself alone, less by the recipe alone",
            f"≤ {most} of {len(worlds)}",
            f"{missed - more} ({missed} and {more})",
            missed - more <= most,
        ),
    ]


def reversal_rows(worlds: Sequence[Planted]) -> list[Row]:
    shares = [share_text(int(_is_below(worlds, name).sum()), len(worlds)) for name in ("recipe", "signal")]
    name = "planted reversal of 5 days, rank IC 0.05, 100 names x 1,250, `honest` walks, p < 0.05"
    return [Row(name, "(beside)", f"{shares[0]}; the signal itself {shares[1]}; {_ics(worlds)}", True)]


def _is_below(worlds: Sequence[Planted], name: str) -> NDArray[np.bool_]:
    return np.array([getattr(world, name).p_value < 0.05 for world in worlds])


def _ics(worlds: Sequence[Planted]) -> str:
    recipe, signal = _mean_ic([world.recipe for world in worlds]), _mean_ic([world.signal for world in worlds])
    return f"rank IC {recipe}, the signal's {signal}"


def _mean_ic(walks: Sequence[Walk]) -> str:
    return f"{np.mean([walk.rank_ic for walk in walks]):.3f}"
