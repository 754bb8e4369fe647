"""What a model fitted on the past must not notice: that every bar after its last outcome is another. PROTOCOL §5.1."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from instruments.quant.bars import Bars
from training.quant.universe.fit import ModelPair
from training.quant.universe.honest.run import model_of
from training.quant.universe.honest.train import TREES, fit_honest, honest_rows
from training.quant.universe.panel import Panel, split_panel
from training.quant.universe.spec import HONEST, UniverseSpec
from training.quant.universe.train import fit_rows, label_rows

if TYPE_CHECKING:
    from training.quant.universe.honest.model import HonestModel

SPREAD = 0.1  # of the logarithm of what prices and volumes are multiplied by


def other_after(bars: Bars, moment: int, *, seed: int) -> Bars:
    """`bars` with prices and volumes after `moment` (seconds since 1970) multiplied, each bar by a random factor of its
    own. That they are there stays: a universe whose members end earlier is another one."""
    factor = np.ones(len(bars))
    later = bars.time > moment
    factor[later] = np.exp(np.random.default_rng(seed).normal(0.0, SPREAD, int(later.sum())))
    columns = ("open", "high", "low", "close", "volume", "adj_close")
    return replace(bars, **{name: getattr(bars, name) * factor for name in columns})


def fit_evaluated(panel: Panel, spec: UniverseSpec) -> "ModelPair | HonestModel":
    """The evaluated model of a run on `panel` by itself, to the same bits. Raises TooLittle."""
    split = split_panel(panel, horizon=spec.horizon, embargo=spec.embargo)
    if spec.recipe != HONEST:
        return fit_rows(panel, label_rows(panel, spec), split.train, seed=spec.seed)
    rows, until = honest_rows(panel, spec.horizon), split.known_by["train"]
    return model_of(fit_honest(rows, until=until, with_trees=spec.score == TREES, seed=spec.seed), spec, ic=0.0)
