"""The records of the meta-predictor: what a fit stores, and what the API suggests."""

from typing import Annotated

from boursomatic.shared.records import Moment, Record, Stored, about, choice
from training.models import MetaLook
from training.quant.candle.spec import format_time
from training.quant.candle.verdict import p_text
from training.quant.search.meta import LEARNERS

Learner = Annotated[str, choice(LEARNERS, "Nearest market states, or boosted trees")]


class MetaClaim(Record):
    """The last look at all pairs of suggestion and `steady`, each on the same unseen candles."""

    learner: Annotated[Learner, about("That did better")]
    difference: Annotated[float, about("Its AUC less that of steady")]
    p_value: Annotated[float, about("One-sided, for both learners together")]
    level: Annotated[float, about("That this look's p must stay below")]
    look: Annotated[int, about("The number of the look, one a month at most")]
    made_at: Moment
    pairs: int
    rows: Annotated[int, about("Candles, each counted once")]
    better: Annotated[bool, about("Than steady, by more than luck")]


class MetaFitResult(Stored):
    """What a fit of the meta-predictor stores: what there is to learn from, and what is claimed."""

    sentence: str
    trials: int
    candles: int
    pairs: int
    seen_until: str | None
    claim: MetaClaim | None


class SuggestedParams(Record):
    """Settings that a study tried. Send params, study_id and seen_until to run-poc together."""

    params: Annotated[dict[str, float], about("As run-poc takes them")]
    study_id: Annotated[str, about("The study that tried them")]
    learner: Learner


class Suggestion(Record):
    """What the meta-predictor suggests at a candle, from search trials whose last outcome was known by then."""

    suggested: Annotated[SuggestedParams | None, about("Null while there is too little to learn from")]
    trials: Annotated[int, about("Search trials that it is learnt from")]
    candles: int
    seen_until: Annotated[Moment | None, about("The last outcome among them, over all instruments")]
    claim: Annotated[MetaClaim | None, about("Null where it was not yet held against steady")]
    sentence: str


def claim_of(look: MetaLook | None) -> MetaClaim | None:
    """A stored look as a record."""
    if look is None:
        return None
    return MetaClaim(
        learner=look.learner,
        difference=look.difference,
        p_value=look.p_value,
        level=look.level,
        look=look.k,
        made_at=format_time(look.made_at),
        pairs=look.pairs,
        rows=look.rows,
        better=look.is_better,
    )


def counts_text(trials: int, candles: int) -> str:
    """What it is learnt from, as part of a sentence."""
    return f"{trials:,} search trials of {candles:,} candle{'' if candles == 1 else 's'}"


def claim_text(claim: MetaClaim | None) -> str:
    """What may be said of it, as part of a sentence."""
    if claim is None:
        return "not yet compared with Steady"
    verdict = "better than Steady" if claim.better else "so far no better than Steady"
    return f"{verdict}, p = {p_text(claim.p_value)}"
