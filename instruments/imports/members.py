"""Members of a universe, added, ended and removed by hand; storing bars adds them too."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from django.contrib.auth.models import User
from django.db import transaction

from boursomatic.accounts.audit import audit
from instruments.imports.membership import Dates, stretch_of
from instruments.models import Instrument, Universe, UniverseMember
from instruments.quant.membership import overlaps

MOST = 5_000  # symbols at once
_NAMED = 5  # symbols in a message
OPEN: Dates = (None, None)


class MembersRefused(ValueError):
    """Symbols that can't be added or removed; the text says which and why, and nothing was changed."""


def parse_symbols(text: str) -> list[str]:
    """Each symbol of a list once, with whatever stands between them. Raises MembersRefused."""
    symbols = list(dict.fromkeys(re.sub(r"[\s,;\"'\0]+", " ", text).split()))
    if not symbols:
        raise MembersRefused("Name at least one symbol.")
    if len(symbols) > MOST:
        raise MembersRefused(f"These are {len(symbols):,} symbols. Send up to {MOST:,} at once.")
    return symbols


def members_add(*, universe: Universe, symbols: list[str], user: User, dates: Dates = OPEN) -> str:
    """What was done, in words; without dates who is or was a member stays as it is. Raises MembersRefused where one of
    them is no instrument, or is a member on some of the days already."""
    with transaction.atomic():
        instruments = _instruments(symbols)
        stored = _stretches(universe, instruments)
        there = [each for each in instruments if stored[each.pk] and dates in (OPEN, *stored[each.pk])]
        new = [each for each in instruments if each not in there]
        if clashing := [each.symbol for each in new if overlaps(map(stretch_of, [*stored[each.pk], dates]))]:
            some = "is a member" if len(clashing) == 1 else "are members"
            raise MembersRefused(f"{_named(clashing)} {some} of {universe.name} on some of these days already.")
        start, end = dates
        UniverseMember.objects.bulk_create(
            UniverseMember(universe=universe, instrument=each, start=start, end=end) for each in new
        )
        if new:
            told = {name: day.isoformat() for name, day in (("start", start), ("end", end)) if day}
            audit(user, "universe.add", universe.name, symbols=[each.symbol for each in new], **told)
    were = f" {len(there)} {'was' if len(there) == 1 else 'were'} there already." if there else ""
    if not new:
        return were.strip()
    return f"{_named([each.symbol for each in new])} added to {universe.name}{_when(dates)}.{were}"


def members_end(*, universe: Universe, symbols: list[str], user: User, last: date) -> str:
    """`last` is their last day as members. Raises MembersRefused where one of them is none on that day."""
    with transaction.atomic():
        instruments = _instruments(symbols)
        open_ones = UniverseMember.objects.filter(universe=universe, instrument__in=instruments, end=None)
        begun = [member for member in open_ones if member.start is None or member.start <= last]
        ending = {member.instrument_id for member in begun}
        if others := [each.symbol for each in instruments if each.pk not in ending]:
            raise MembersRefused(f"{_named(others)} can't leave {universe.name} on {last}: no member then and later.")
        UniverseMember.objects.filter(pk__in=[member.pk for member in begun]).update(end=last)
        symbols = [each.symbol for each in instruments]
        audit(user, "universe.end", universe.name, symbols=symbols, end=last.isoformat())
    return f"{_named(symbols)}: last day in {universe.name} is {last}."


def members_remove(*, universe: Universe, symbols: list[str], user: User) -> str:
    """What was done, in words: as if they had never been in it. Raises MembersRefused where one of them is no
    member."""
    with transaction.atomic():
        members = list(universe.instruments.filter(symbol__in=symbols).distinct())
        if others := [symbol for symbol in symbols if symbol not in {member.symbol for member in members}]:
            raise MembersRefused(f"{_named(others)} {'is' if len(others) == 1 else 'are'} not in {universe.name}.")
        universe.instruments.remove(*members)
        audit(user, "universe.remove", universe.name, symbols=[member.symbol for member in members])
    return f"{_named([member.symbol for member in members])} removed from {universe.name}."


def _stretches(universe: Universe, instruments: Iterable[Instrument]) -> dict[int, list[Dates]]:
    stored: dict[int, list[Dates]] = defaultdict(list)
    for member in UniverseMember.objects.filter(universe=universe, instrument__in=instruments):
        stored[member.instrument_id].append((member.start, member.end))
    return stored


def _when(dates: Dates) -> str:
    start, end = dates
    return (f" from {start}" if start else "") + (f" to {end}" if end else "")


def _instruments(symbols: list[str]) -> list[Instrument]:
    """By symbol, in capitals where it is not known as written."""
    by_symbol = Instrument.objects.filter(symbol__in={*symbols, *map(str.upper, symbols)}).in_bulk(field_name="symbol")
    if unknown := [symbol for symbol in symbols if symbol not in by_symbol and symbol.upper() not in by_symbol]:
        raise MembersRefused(
            f"No instrument is called {_named(unknown)}. Nothing was added: correct the list, or first upload "
            "their bars on the page Data."
        )
    instruments = [by_symbol.get(symbol) or by_symbol[symbol.upper()] for symbol in symbols]
    return list({instrument.pk: instrument for instrument in instruments}.values())


def _named(symbols: list[str]) -> str:
    more = f" and {len(symbols) - _NAMED} more" if len(symbols) > _NAMED else ""
    return ", ".join(symbol[:40] for symbol in symbols[:_NAMED]) + more
