"""A refresh in words."""

from collections import defaultdict
from collections.abc import Sequence

from training.recipes.refresh.schema import RefreshedSource

_NAMED = 5  # symbols of one reason
_REASONS = 3


def refresh_sentence(sources: Sequence[RefreshedSource]) -> str:
    """What came, then for each source why what didn't."""
    counts = " · ".join(_counts(source) for source in sources)
    texts = [text for source in sources for text in _troubles(source)]
    if not texts and not any(source.asked for source in sources):
        texts = [
            "Nothing in it is served yet. Name symbols, or a universe that holds them, in a refresh by one source."
        ]
    return " ".join([f"{counts}.", *texts])


def _counts(source: RefreshedSource) -> str:
    always = [
        f"{source.source}: {_count(source.asked, 'series', 'series')} asked",
        _count(source.inserted, "new bar"),
    ]
    optional = (
        (source.updated, f"{source.updated:,} changed"),
        (len(source.rewritten), f"{len(source.rewritten):,} fetched whole, since their history had changed"),
        (source.kept_repaired, f"{_count(source.kept_repaired, 'bar')} stay repaired"),
        (source.held_back, f"{_count(source.held_back, 'bar')} of open sessions left out"),
        (source.bad, f"{_count(source.bad, 'bad row')} left out"),
        (len(source.failed), f"{len(source.failed):,} failed"),
        (len(source.not_asked), f"{len(source.not_asked):,} not asked"),
    )
    return ", ".join([*always, *(text for number, text in optional if number)])


def _troubles(source: RefreshedSource) -> list[str]:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for symbol, reason in source.failed.items():
        by_reason[reason].append(symbol)
    often = sorted(by_reason.items(), key=lambda entry: -len(entry[1]))
    texts = [f"{_named(symbols)}: {reason}" for reason, symbols in often[:_REASONS]]
    if len(often) > _REASONS:
        texts.append(f"{len(often) - _REASONS} more reasons are listed below.")
    if source.repairs_replaced:
        texts.append(f"Repaired bars of {_named(source.repairs_replaced)} came with new values, which replace them.")
    if source.gave_up:
        texts.append(
            f"Gave up on {source.source}: {source.gave_up}"
            + (f" Not asked: {_named(source.not_asked)}." if source.not_asked else "")
        )
    return texts


def _named(symbols: Sequence[str]) -> str:
    more = len(symbols) - _NAMED
    return ", ".join(symbols[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _count(number: int, singular: str, plural: str = "") -> str:
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
