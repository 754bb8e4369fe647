"""Universes read: which series a name stands for."""

from instruments.models import NO_PRICES, Instrument, Series, Timeframe, Universe

ALL = "all"


class UnknownUniverse(Exception):
    """No universe of that name has prices; the text says which there are, or how to make one."""


def universe_series(name: str, timeframe: str = Timeframe.DAY) -> list[Series]:
    """The series of the universe's active instruments at `timeframe`, by symbol, each with its instrument.

    `all` is every active instrument. Raises UnknownUniverse.
    """
    rows = Series.objects.select_related("instrument").filter(timeframe=timeframe, rows__gt=0, instrument__active=True)
    if name != ALL:
        rows = rows.filter(instrument__universes__name=name)
    found = list(rows.order_by("instrument__symbol"))
    if not found:
        raise UnknownUniverse(_what_there_is(name, timeframe))
    return found


def _what_there_is(name: str, timeframe: str) -> str:
    if not Instrument.objects.exists():
        return NO_PRICES
    if name == ALL or Universe.objects.filter(name=name).exists():
        return f"No active instrument of the universe {name} has bars of {timeframe}. Upload some on the page Data."
    known = ", ".join([ALL, *Universe.objects.values_list("name", flat=True)])
    return f"There is no universe {name!r}. Known: {known}. Bars that are added to it when they are stored make one."
