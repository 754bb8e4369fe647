"""Whether a model still lives in the world that it was trained in, and keeps what it promised.

Three questions, each with a bound that comes from the model itself: do its features, and its scores, differ from
training by more than any stretch of as many days did then; and does it deliver less precision of BUY than its test days
promised, by more than luck explains.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from instruments.quant.calendars import Days
from predictions.quant.score import DayScore, Scorecard, scorecard
from training.quant.stats.stability import STRETCH, Distribution, mean_psi, psi_by_column

FEWEST_STRETCHES = 5  # of training, to know what is usual
HORIZONS = 6  # delivered precision is asked of the days of so many horizons, the newest
NAMED = 3  # columns in a sentence
# The baseline holds scores of the evaluated model: the deployed one, fitted on more, predicts a little otherwise.
SCORES_TIMES = 3.0


@dataclass(frozen=True)
class Shift:
    """Mean PSI of the newest STRETCH days against training, and its bound (None: training was too short to tell).
    `columns` by PSI, largest first."""

    psi: float
    bound: float | None
    columns: dict[str, float]

    @property
    def is_beyond(self) -> bool:
        return self.bound is not None and self.psi > self.bound

    @property
    def worst(self) -> str:
        return ", ".join(f"{name} {psi:.2f}" for name, psi in list(self.columns.items())[:NAMED])


def shift(trained: Distribution, values: NDArray[np.floating[Any]], *, times: float = 1.0) -> Shift:
    """`values` (n, k) of the newest STRETCH days, columns as `trained`; bound: `times` the most that a window
    of training had."""
    by_column = psi_by_column(trained, values)
    bound = times * max(trained.baseline) if len(trained.baseline) >= FEWEST_STRETCHES else None
    return Shift(mean_psi(by_column), bound, dict(sorted(by_column.items(), key=lambda column: -column[1])))


def recent_scorecard(
    days: Sequence[tuple[date, DayScore]], *, horizon: int, promise: dict[str, Any], sessions: Days | None = None
) -> Scorecard:
    """The scorecard of the newest scored days, HORIZONS horizons of them: `days` ascending; `sessions` as there."""
    scored = [day for day in days if day[1].scored]
    return scorecard(
        scored[-HORIZONS * horizon :],
        horizon=horizon,
        tested=promise["precision"],
        interval=promise["interval"],
        sessions=sessions,
    )


def enough_days(count: int) -> bool:
    """Fewer days than a stretch differ from training by more, although nothing has changed."""
    return count >= STRETCH
