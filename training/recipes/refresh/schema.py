"""What a refresh is asked for, and what it stores."""

from typing import Annotated

from boursomatic.shared.records import Body, Day, Meta, Name, Record, Stored, about, given, spelled
from instruments.quant.ingest.checks import SYMBOL
from training.recipes.refresh.spec import MOST_SYMBOLS

Symbols = Annotated[list[Annotated[str, spelled(SYMBOL.pattern)]], Meta(min_length=1, max_length=MOST_SYMBOLS)]
SourceName = Annotated[Name, about("By its name; null: each source that is on, for what it serves already")]


class RefreshRequest(Body):
    """Bars up to now; what is left out or null is everything."""

    rules = {
        "allOf": [
            {"if": given("symbols"), "then": given("source")},
            {"if": given("first"), "then": given("last", "symbols")},
            {"if": given("last"), "then": given("first", "symbols")},
        ]
    }

    source: SourceName | None = None
    universe: Annotated[Name | None, about("Whose members; else all")] = None
    symbols: Annotated[Symbols | None, about("These instead, also such as have no bars yet")] = None
    since: Annotated[Day | None, about("First day of series without bars; else twenty years ago")] = None
    first: Annotated[Day | None, about("With last: bars of these days alone, of symbols")] = None
    last: Day | None = None


class RefreshedSource(Record):
    """What one source gave. Symbols are instruments' own."""

    source: str
    asked: Annotated[int, about("Series that it was asked for")]
    inserted: int
    updated: Annotated[int, about("Bars that were stored with other values")]
    unchanged: int
    held_back: Annotated[int, about("Bars of sessions that are not over")]
    bad: Annotated[int, about("Rows that can't be stored")]
    rewritten: Annotated[list[str], about("Asked for as a whole again: a split or dividend has changed their history")]
    failed: Annotated[dict[str, str], about("Symbol -> why")]
    not_asked: Annotated[list[str], about("Symbols left when it was given up")]
    gave_up: Annotated[str, about("Why it was given up, and what to do; empty where it wasn't")]
    kept_repaired: Annotated[int, about("Bars that came as they were before their repair, which stands")] = 0
    repairs_replaced: Annotated[list[str], about("Whose repaired bars came with other values, which were stored")] = []


class RefreshResult(Stored):
    """All sources that were asked."""

    sentence: str
    sources: list[RefreshedSource]
    features_written: Annotated[int | None, about("Rows of the table of features; null: not asked for")] = None
