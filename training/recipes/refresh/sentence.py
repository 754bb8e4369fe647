"""A refresh in words."""

from collections import defaultdict
from collections.abc import Sequence

from training.recipes.refresh.schema import RefreshedSource

_NAMED = 5  # symbols of one reason
_REASONS = 3


def refresh_sentence(sources: Sequence[RefreshedSource]) -> str:
    """What came, then for each source why what didn't."""
    counts = " · ".join(_counts(one) for one in sources)
    return " ".join([f"{counts}.", *(text for one in sources for text in _troubles(one))])


def _counts(one: RefreshedSource) -> str:
    words = [f"{one.source}: {_count(one.asked, 'series', 'series')} asked", f"{_count(one.inserted, 'new bar')}"]
    optional = (
        (one.updated, f"{one.updated:,} changed"),
        (len(one.rewritten), f"{len(one.rewritten):,} fetched whole, since their history had changed"),
        (one.held_back, f"{_count(one.held_back, 'bar')} of open sessions left out"),
        (one.bad, f"{_count(one.bad, 'bad row')} left out"),
        (len(one.failed), f"{len(one.failed):,} failed"),
        (len(one.not_asked), f"{len(one.not_asked):,} not asked"),
    )
    return ", ".join([*words, *(text for number, text in optional if number)])


def _troubles(one: RefreshedSource) -> list[str]:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for symbol, reason in one.failed.items():
        by_reason[reason].append(symbol)
    often = sorted(by_reason.items(), key=lambda entry: -len(entry[1]))
    texts = [f"{_named(symbols)}: {reason}" for reason, symbols in often[:_REASONS]]
    if len(often) > _REASONS:
        texts.append(f"{len(often) - _REASONS} more reasons are listed below.")
    if one.gave_up:
        texts.append(
            f"Gave up on {one.source}: {one.gave_up}"
            + (f" Not asked: {_named(one.not_asked)}." if one.not_asked else "")
        )
    return texts


def _named(symbols: Sequence[str]) -> str:
    more = len(symbols) - _NAMED
    return ", ".join(symbols[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _count(number: int, singular: str, plural: str = "") -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
