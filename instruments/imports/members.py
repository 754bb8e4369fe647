"""Members of a universe, added and removed by hand; storing bars adds them too."""

import re

from django.contrib.auth.models import User
from django.db import transaction

from boursomatic.accounts.audit import audit
from instruments.models import Instrument, Universe

MOST = 5_000  # symbols at once
_NAMED = 5  # symbols in a message


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


def members_add(*, universe: Universe, symbols: list[str], user: User) -> str:
    """What was done, in words. Raises MembersRefused where one of them is no instrument."""
    with transaction.atomic():
        instruments = _instruments(symbols)
        held = set(
            universe.instruments.filter(pk__in=[instrument.pk for instrument in instruments]).values_list(
                "pk", flat=True
            )
        )
        new = [instrument for instrument in instruments if instrument.pk not in held]
        universe.instruments.add(*new)
        if new:
            audit(user, "universe.add", universe.name, symbols=[instrument.symbol for instrument in new])
    there = f" {len(held)} {'was' if len(held) == 1 else 'were'} there already." if held else ""
    return (
        f"{_named([instrument.symbol for instrument in new])} added to {universe.name}.{there}"
        if new
        else there.strip()
    )


def members_remove(*, universe: Universe, symbols: list[str], user: User) -> str:
    """What was done, in words. Raises MembersRefused where one of them is no member."""
    with transaction.atomic():
        members = list(universe.instruments.filter(symbol__in=symbols))
        if others := [symbol for symbol in symbols if symbol not in {member.symbol for member in members}]:
            raise MembersRefused(f"{_named(others)} {'is' if len(others) == 1 else 'are'} not in {universe.name}.")
        universe.instruments.remove(*members)
        audit(user, "universe.remove", universe.name, symbols=[member.symbol for member in members])
    return f"{_named([member.symbol for member in members])} removed from {universe.name}."


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
