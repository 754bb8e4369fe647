"""The records of a universe's noise control."""

from typing import Annotated

from boursomatic.shared.records import Record, Stored, about, choice
from training.quant.candle.verdict import Label
from training.recipes.universe.about import UniverseAboutHead


class WalkFigures(Record, kw_only=True):
    """What a walk's ranking shows; null where there was nothing to judge."""

    rank_ic: Annotated[float | None, about("Mean over the days of Spearman's correlation")]
    p_value: Annotated[float | None, about("Of the rank test")]


class ShuffledWalk(WalkFigures):
    """A walk over the returns of others, of other days."""

    seed: Annotated[int, about("Draws whose returns each instrument is given, and of which days")]


class UniverseControlResult(Stored):
    """What a universe's noise control stores, nothing of it until it has completed. Where the history is too short
    there is only a sentence."""

    sentence: str | None = None
    label: str | None = None
    real: WalkFigures | None = None
    shuffled: list[ShuffledWalk] = []
    windows: int | None = None
    days: int | None = None


class UniverseControlRun(UniverseAboutHead, tag="universe_control"):
    """The noise control of a universe run or a walk: each instrument has the returns of another, of other days."""

    label: Annotated[str, choice((Label.NO_EVIDENCE, Label.EVIDENCE), "evidence: it finds what is not there")] | None
    real: Annotated[WalkFigures | None, about("Of the walk that judged the run; null where none did")]
    shuffled: Annotated[list[ShuffledWalk], about("One; five where the first was below 0.05")]
    windows: Annotated[int | None, about("Folds of each walk")]
    days: Annotated[int | None, about("Days judged in each")]
    sentence: str | None
