"""The records of a noise control."""

from typing import Annotated

from boursomatic.shared.records import Stored, about
from training.recipes.candle.schema import AboutHead


class NoiseControlResult(Stored):
    """What a noise control stores, nothing of it until it has completed. Without a test window of both classes there is
    only a sentence."""

    sentence: str | None = None
    real: float | None = None
    rotated: list[float] = []
    share: float | None = None


class NoiseControlRun(AboutHead, tag="control"):
    """The noise control of a candle run: the same recipe on labels rotated in time."""

    real: Annotated[float | None, about("The run's own test AUC")]
    rotated: Annotated[list[float], about("Test AUCs with the labels rotated")]
    share: Annotated[float | None, about("Of rotated runs that did as well or better, the real one among them")]
    sentence: str | None
