"""Who belonged to a universe when, as a run knew it: cut at its last day, and kept with its results."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from instruments.quant.calendars import as_date, as_day
from instruments.quant.membership import ALWAYS, Stretch, Stretches, as_of
from instruments.universes import Membership


def membership_as_of(membership: Membership, symbols: Iterable[str], last: int) -> dict[str, Stretches]:
    """Of these symbols, what was known on the day `last`; who had neither come nor gone by then is left out."""
    until = {symbol: as_of(membership[symbol], last) for symbol in symbols if symbol in membership}
    return {symbol: own for symbol, own in until.items() if own != ALWAYS}


def membership_json(membership: Membership) -> dict[str, list[list[str | None]]]:
    """By symbol its stretches, as ISO dates, both included; null where they are open."""
    return {
        symbol: [[None if day is None else as_date(day).isoformat() for day in stretch] for stretch in own]
        for symbol, own in membership.items()
    }


def membership_from(stored: Mapping[str, Sequence[Sequence[str | None]]]) -> dict[str, Stretches]:
    """Back from `membership_json`."""
    return {
        symbol: tuple(Stretch(*(None if day is None else as_day(date.fromisoformat(day)) for day in s)) for s in own)
        for symbol, own in stored.items()
    }
