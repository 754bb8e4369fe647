"""The noise control: the same recipe on labels rotated in time, which no feature can foretell. PROTOCOL §5.3.

Rotation keeps how often and in what runs the instrument rose, and breaks what ties that to the features. Where the real
run lies among the rotated ones is what luck alone gives with exactly these settings.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from instruments.quant.features.candle import feature_matrix
from training.quant.candle.outcomes import candle_label
from training.quant.candle.plan import plan_candle
from training.quant.candle.spec import CandleSpec
from training.quant.candle.train import fit_candle
from training.quant.stats.classification import auc_of_ranks, midranks

DRAWS = 30
NEAREST = 20  # bars: a smaller rotation would leave neighbours that resemble each other


@dataclass(frozen=True)
class Control:
    """`real` is the run's own test AUC, `rotated` those of the draws; `share` of draws at or above the real one."""

    real: float
    rotated: list[float]

    @property
    def share(self) -> float:
        return sum(auc >= self.real for auc in self.rotated) / len(self.rotated)


def control_candle(
    bars: Bars, *, decision: int, spec: CandleSpec, on_draw: Callable[[int, int], None]
) -> Control | None:
    """The run at `decision` of `bars` (adjusted) and its draws. None where the test window has one class, or none.

    Labels of train and test rows are rotated together by a distance drawn without replacement, seeded by `spec.seed`.
    `on_draw` hears (draws done, draws to do).
    """
    plan = plan_candle(bars, decision=decision, spec=spec)
    plan.require_trainable()
    split = plan.split
    if not len(split.test):
        return None
    features = feature_matrix(bars, name=spec.feature_set, timeframe=spec.timeframe)[plan.rows]
    labels = candle_label(bars, spec)[plan.rows]
    rows = slice(split.fit.start, split.test.stop)
    test = slice(split.test.start, split.test.stop)
    rng = np.random.default_rng(spec.seed)
    size = rows.stop - rows.start
    shifts = rng.choice(np.arange(NEAREST, size - NEAREST), size=min(DRAWS, size - 2 * NEAREST), replace=False)

    def auc_of(rotated: NDArray[np.float64]) -> float | None:
        _, final = fit_candle(
            features, rotated, split=split, spec=spec, on_stage=lambda *_: None, on_round=lambda *_: None
        )
        up = rotated[test] == 1
        if up.all() or not up.any():
            return None
        return auc_of_ranks(midranks(final.probability(features[test])), up)

    real = auc_of(labels)
    rotated_aucs = []
    for done, shift in enumerate(shifts):
        on_draw(done, len(shifts))
        rotated = labels.copy()
        rotated[rows] = np.roll(labels[rows], int(shift))
        rotated_aucs.append(auc_of(rotated))
    drawn = [auc for auc in rotated_aucs if auc is not None]
    return Control(real, drawn) if real is not None and drawn else None
