"""A walk over the returns of others finds nothing, where the same walk over their own finds what is planted."""

import numpy as np
import pytest

from tests.training.quant.universe.honest.worlds import H, drifting_panel
from tests.training.quant.universe.honest.worlds import panel as noise_panel
from training.quant.candle.verdict import Label
from training.quant.universe.evidence import universe_evidence
from training.quant.universe.panel import Panel
from training.quant.universe.spec import UniverseSpec
from training.quant.walk_forward import noise_control
from training.quant.walk_forward.folds import plan_walk, walk_fold
from training.quant.walk_forward.noise_control import ControlWalk, control_walk, control_walks
from training.quant.walk_forward.spec import WalkSpec

SEEDS = 20
MOST = 4  # of 20 below 0.05 (PROTOCOL §5.3)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return drifting_panel(names=14, bars=420)


def walk_of(recipe: str, score: str = "composite", folds: int = 4) -> WalkSpec:
    return WalkSpec(UniverseSpec(horizon=H, recipe=recipe, score=score), folds=folds, step=40)


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "names", "folds"), [("honest", 14, 4), ("phase22", 9, 3)])  # trees take their time
def test_over_twenty_seeds_it_finds_nothing(recipe: str, names: int, folds: int) -> None:
    """On random walks: drifts that last, as in the other tests, are no returns that a day's test could be fair to."""
    walk, panel = walk_of(recipe, folds=folds), noise_panel(names=names, bars=420)
    p_values = [control_walk(panel, walk, seed=seed).evidence.p_value for seed in range(SEEDS)]
    assert sum(p is not None and p < 0.05 for p in p_values) <= MOST, p_values
    assert len(set(p_values)) == SEEDS


def test_their_own_returns_show_what_is_planted(panel: Panel) -> None:
    walk = walk_of("honest")
    plan = plan_walk(panel, walk)
    scores = [walk_fold(plan, number, on_fold=lambda *_: None).predictions.scores for number in range(walk.folds)]
    real = universe_evidence(panel, plan.all_evaluated, np.concatenate(scores), horizon=H, windows=walk.folds)
    assert real.p_value is not None and real.p_value < 0.01


@pytest.mark.parametrize(("recipe", "score"), [("honest", "composite"), ("honest", "trees"), ("phase22", "composite")])
def test_its_models_are_the_walks_own(panel: Panel, recipe: str, score: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where returns stay as they are, it says what the walk's folds say, to the bit."""
    monkeypatch.setattr(noise_control, "control_panel", lambda panel, *, seed: panel)
    walk = walk_of(recipe, score, folds=2)
    plan, scores = plan_walk(panel, walk), []
    for number in range(walk.folds):
        scores.append(walk_fold(plan, number, on_fold=lambda *_: None).predictions.scores)
    real = universe_evidence(panel, plan.all_evaluated, np.concatenate(scores), horizon=H, windows=walk.folds)
    assert control_walk(panel, walk, seed=1).evidence == real


def test_where_the_first_finds_something_four_more_are_drawn(panel: Panel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ControlWalk, "label", Label.NO_EVIDENCE)
    done: list[tuple[int, int]] = []
    walk = walk_of("honest")
    assert [one.seed for one in control_walks(panel, walk, on_fold=lambda *share: done.append(share))] == [42]
    assert done == [(number, 4) for number in range(4)]
    monkeypatch.setattr(ControlWalk, "label", Label.EVIDENCE)
    assert [one.seed for one in control_walks(panel, walk, on_fold=lambda *share: done.append(share))] == list(
        range(42, 47)
    )
    assert done[-1] == (19, 20)
