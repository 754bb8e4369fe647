"""The same question asked of universes: one made-up universe from its prices to its p-value."""

from instruments.quant.features.daily import daily_features
from scripts.benchmarks.markets import market
from training.quant.universe.panel import Panel, make_panel
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.train import train_universe
from training.quant.walk_forward.folds import plan_walk, pool_folds, walk_fold
from training.quant.walk_forward.spec import WalkSpec

BARS, HORIZON = 840, 20
DAILY = 0.02  # as single stocks move: with calmer ones +5 % in 20 days would hardly ever be said
NOISE_MEMBERS, PLANTED_MEMBERS = 20, 30
WALK = WalkSpec(UniverseSpec(), folds=10, step=60)


def noise_universe(seed: int) -> float:
    """p-value of a universe run where nothing foretells anything; 1 where it never held a position."""
    found = train_universe(_panel(seed, NOISE_MEMBERS, 0.0), UniverseSpec(refit=False), on_stage=lambda *_: None)
    return _p(found.test.portfolios.excess.p_value)


def planted_universe(seed: int) -> float:
    """p-value of a walk of 600 days where who rose in 20 days tends to rise in the next: rank IC 0.10."""
    plan = plan_walk(_panel(seed, PLANTED_MEMBERS, 0.10), WALK)
    predictions = [walk_fold(plan, number, on_fold=lambda *_: None).predictions for number in range(WALK.folds)]
    return _p(pool_folds(plan, predictions).portfolios.excess.p_value)


def _panel(seed: int, members: int, rank_ic: float) -> Panel:
    many = [market(BARS, seed=1_000 * seed + i, rank_ic=rank_ic, daily=DAILY) for i in range(members)]
    named = zip((f"S{i}" for i in range(members)), many, daily_features(many), strict=True)
    return make_panel(list(named), horizons=(HORIZON,), first_day=0)


def _p(value: float | None) -> float:
    return 1.0 if value is None else value
