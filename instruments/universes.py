"""Universes read: which series a name stands for, and from when to when each of them is a member."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime

from django.db.models import F, Max, Min, Q, QuerySet, Sum

from instruments.models import NO_PRICES, Instrument, Series, Timeframe, Universe, UniverseMember
from instruments.quant.calendars import as_day
from instruments.quant.membership import Stretch, Stretches

ALL = "all"
EARLIEST_FIRST = F("start").asc(nulls_first=True)  # stretches of a member, on either database
Membership = Mapping[str, Stretches]  # by symbol; who isn't named always is a member


class UnknownUniverse(Exception):
    """No universe of that name has prices; the text says which there are, or how to make one."""


def universe_series(name: str, timeframe: str = Timeframe.DAY, *, with_instruments: bool = True) -> list[Series]:
    """The series of the universe's active instruments at `timeframe`, by symbol, each with its instrument; also of
    those that were members once. 5,000 of these take longer to read than all else: a page that names none does without.

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


def universe_membership(name: str) -> dict[str, Stretches]:
    """The stretches of those members that don't belong to it for ever; {} where nothing has a date, and of `all`."""
    dated = UniverseMember.objects.filter(universe__name=name).exclude(start=None, end=None)
    stretches: dict[str, list[Stretch]] = defaultdict(list)
    for symbol, start, end in dated.order_by(EARLIEST_FIRST).values_list("instrument__symbol", "start", "end"):
        stretches[symbol].append(Stretch(_day(start), _day(end)))
    return {symbol: tuple(own) for symbol, own in stretches.items()}


def has_only_survivors(name: str) -> bool:
    """Whether nobody ever leaves it: then its past is that of those who are there today."""
    return not UniverseMember.objects.filter(universe__name=name, end__isnull=False).exists()


def ever_members(name: str) -> QuerySet[UniverseMember]:
    """Stretches of whoever is or was in it, for `instrument__in`: a join would give those with several more often."""
    return UniverseMember.objects.filter(universe__name=name).values("instrument")  # type: ignore[return-value]


def members_on(name: str, day: date) -> QuerySet[UniverseMember]:
    """As `ever_members`, of who is in it on this day."""
    begun, not_over = Q(start=None) | Q(start__lte=day), Q(end=None) | Q(end__gte=day)
    return ever_members(name).filter(begun, not_over)


def _series_of(name: str, timeframe: str) -> QuerySet[Series]:
    rows = Series.objects.filter(timeframe=timeframe, rows__gt=0, instrument__active=True)
    return rows if name == ALL else rows.filter(instrument__in=ever_members(name))


def _day(moment: date | None) -> int | None:
    return None if moment is None else as_day(moment)


def _what_there_is(name: str, timeframe: str) -> str:
    if not Instrument.objects.exists():
        return NO_PRICES
    if name == ALL or Universe.objects.filter(name=name).exists():
        return f"No active instrument of the universe {name} has bars of {timeframe}. Upload some on the page Data."
    known = ", ".join([ALL, *Universe.objects.values_list("name", flat=True)])
    return f"There is no universe {name!r}. Known: {known}. Bars that are added to it when they are stored make one."
