"""The noise control: the same recipe on labels rotated in time, which no feature can foretell. PROTOCOL §5.3.

Rotation keeps how often and in what runs the instrument rose, and breaks what ties that to the features. Where the real
run lies among the rotated ones is what luck alone gives with exactly these settings.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Bars
from training.quant.candle.spec import CandleSpec
from training.quant.candle.steps import configurations_at, fitted, labelled_rows
from training.quant.ensemble.average import average
from training.quant.ensemble.spec import EnsembleSpec, how_of, trained_specs
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
    bars: Bars, *, decision: int, spec: CandleSpec | EnsembleSpec, on_draw: Callable[[int, int], None]
) -> Control | None:
    """The run at `decision` of `bars` (adjusted) and its draws; of an ensemble all members are trained. None
    where the test window has one class, or none.

    Labels of train and test rows are rotated together by a distance drawn without replacement, seeded by `spec.seed`.
    `on_draw` hears (draws done, draws to do).
    """
    labelled = labelled_rows(bars, spec)
    configurations = configurations_at(bars, labelled, decision, trained_specs(spec))
    window, labels = configurations[0].split.test, labelled.labels
    if not len(window):
        return None
    test = slice(window.start, window.stop)
    rows = slice(min(each.split.fit.start for each in configurations), test.stop)
    rng = np.random.default_rng(spec.seed)
    size = rows.stop - rows.start
    shifts = rng.choice(np.arange(NEAREST, size - NEAREST), size=min(DRAWS, size - 2 * NEAREST), replace=False)

    def auc_of(rotated: NDArray[np.float64]) -> float | None:
        up = rotated[test] == 1
        if up.all() or not up.any():
            return None
        models = [fitted(replace(each, labels=rotated)) for each in configurations]
        references = [model.probability(model.train) for model in models]
        scores = average(how_of(spec), [model.probability(test) for model in models], references)
        return auc_of_ranks(midranks(scores), up)

    real = auc_of(labels)
    rotated_aucs = []
    for done, shift in enumerate(shifts):
        on_draw(done, len(shifts))
        rotated = labels.copy()
        rotated[rows] = np.roll(labels[rows], int(shift))
        rotated_aucs.append(auc_of(rotated))
    drawn = [auc for auc in rotated_aucs if auc is not None]
    return Control(real, drawn) if real is not None and drawn else None
