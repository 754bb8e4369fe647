"""Universes read: which series a name stands for."""

from datetime import datetime

from django.db.models import Max, Min, QuerySet, Sum

from instruments.models import NO_PRICES, Instrument, Series, Timeframe, Universe

ALL = "all"


class UnknownUniverse(Exception):
    """No universe of that name has prices; the text says which there are, or how to make one."""


def universe_series(name: str, timeframe: str = Timeframe.DAY, *, with_instruments: bool = True) -> list[Series]:
    """The series of the universe's active instruments at `timeframe`, by symbol, each with its instrument. 5,000 of
    these take longer to read than all else: a page that names none does without.

    `all` is every active instrument. Raises UnknownUniverse.
    """
    rows = _series_of(name, timeframe).order_by("instrument__symbol")
    found = list(rows.select_related("instrument") if with_instruments else rows)
    if not found:
        raise UnknownUniverse(_what_there_is(name, timeframe))
    return found


def universe_period(name: str, timeframe: str = Timeframe.DAY) -> tuple[datetime, datetime]:
    """The first and the newest bar of any of these series, without reading them one by one. Raises UnknownUniverse."""
    period = _series_of(name, timeframe).aggregate(first=Min("first"), last=Max("last"))
    if period["last"] is None:
        raise UnknownUniverse(_what_there_is(name, timeframe))
    return period["first"], period["last"]


def universe_bars(name: str, timeframe: str = Timeframe.DAY) -> int:
    """How many bars its series have, stale ones too; 0 where there is no such universe."""
    return int(_series_of(name, timeframe).aggregate(bars=Sum("rows"))["bars"] or 0)


def _series_of(name: str, timeframe: str) -> QuerySet[Series]:
    rows = Series.objects.filter(timeframe=timeframe, rows__gt=0, instrument__active=True)
    return rows if name == ALL else rows.filter(instrument__universes__name=name)


def _what_there_is(name: str, timeframe: str) -> str:
    if not Instrument.objects.exists():
        return NO_PRICES
    if name == ALL or Universe.objects.filter(name=name).exists():
        return f"No active instrument of the universe {name} has bars of {timeframe}. Upload some on the page Data."
    known = ", ".join([ALL, *Universe.objects.values_list("name", flat=True)])
    return f"There is no universe {name!r}. Known: {known}. Bars that are added to it when they are stored make one."
