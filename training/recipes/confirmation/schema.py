"""The records of a walk-forward confirmation."""

from typing import Annotated

from boursomatic.shared.records import Stored, about
from training.quant.candle.verdict import Evidence
from training.recipes.candle.schema import AboutHead, Window


class ConfirmationResult(Stored):
    """What a confirmation stores, nothing of it until it has completed. `evidence`: all windows pooled; None where they
    have one class only."""

    evidence: Evidence | None = None
    logistic: Evidence | None = None
    logistic_is_better: bool = False
    windows: list[Window] = []


class ConfirmationRun(AboutHead, tag="confirmation"):
    """The walk-forward confirmation of a candle run."""

    windows: Annotated[list[Window], about("Oldest first; none until it has completed")]
    pooled: Annotated[Evidence | None, about("All windows together")]
    logistic: Annotated[Evidence | None, about("Logistic regression on the same rows")]
    logistic_is_better: bool
