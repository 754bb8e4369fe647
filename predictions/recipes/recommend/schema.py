"""The body that asks for recommendations, as the API's schema tells it. `spec` reads it."""

from typing import Annotated

from boursomatic.shared.records import Body, Day, Name, about, choice, given, not_both, spelled, when
from predictions.recipes.recommend.spec import EVERY

Version = Annotated[str, spelled("[A-Za-z0-9_-]{1,60}")]


class ReplayRequest(Body, rename={"first": "from", "last": "to"}):
    """Days of a replay, inclusive."""

    first: Day
    last: Day
    every: Annotated[str, choice(EVERY, "The last session of each")] = EVERY[0]


class RecommendRequest(Body):
    """Neither `as_of` nor `replay`: at the universe's newest bar, whatever its age."""

    rules = {"allOf": [not_both("as_of", "replay"), {"not": {"allOf": [given("replay"), when("in_sample", True)]}}]}

    universe: Annotated[Name, about("A named set; all is every active instrument")] = "all"
    as_of: Annotated[Day | None, about("The last session on or before this day")] = None
    replay: ReplayRequest | None = None
    version: Annotated[Version | None, about("By this model; null: by the universe's active ones")] = None
    in_sample: Annotated[bool, about("Also on a day that the model has seen: flagged, never counted")] = False
