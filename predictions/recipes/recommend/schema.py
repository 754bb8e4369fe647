"""The body that asks for recommendations, as the API's schema tells it. `spec` reads it."""

from typing import Annotated

from boursomatic.shared.records import Body, Day, Meta, Record, about, choice
from predictions.recipes.recommend.spec import EVERY


class ReplayRequest(Record, rename={"first": "from", "last": "to"}):
    """Days of a replay, inclusive."""

    first: Day
    last: Day
    every: Annotated[str, choice(EVERY, "The last session of each")] = EVERY[0]


class RecommendRequest(Body):
    """Neither `as_of` nor `replay`: at the universe's newest bar, whatever its age."""

    universe: Annotated[str, Meta(max_length=40), about("A named set; all is every active instrument")] = "all"
    as_of: Annotated[Day | None, about("The last session on or before this day")] = None
    replay: ReplayRequest | None = None
    version: Annotated[str | None, about("By this model; null: by the universe's active ones")] = None
    in_sample: Annotated[bool, about("Also on a day that the model has seen: flagged, never counted")] = False
