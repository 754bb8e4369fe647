"""Which days a model of a universe may speak of, and how old a universe's newest bar is."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from instruments.calendars.sessions import calendar_of_universe, read_sessions, sessions_between
from instruments.models import Series
from instruments.quant.calendars import Days
from instruments.universes import UnknownUniverse, universe_period
from training.models import ModelVersion
from training.registry.gate import OLDEST_SESSIONS


class NotAdvisable(Exception):
    """Why nothing can be recommended, and what would do, in a sentence."""


class InSample(NotAdvisable):
    """The model has seen the outcomes of the day."""


@dataclass(frozen=True)
class Coverage:
    """The first and the newest day on which any of a universe's instruments has a bar."""

    first: date
    newest: date
    calendar: str = ""

    @property
    def sessions_old(self) -> int:
        """From the newest bar to today; weekdays where no calendar is filled."""
        return sessions_between(self.newest, timezone.now().date(), self.calendar)

    @property
    def is_stale(self) -> bool:
        return self.sessions_old > OLDEST_SESSIONS

    def __str__(self) -> str:
        return newest_bar_text(self.newest, self.calendar)


def newest_bar_text(newest: date, calendar: str = "") -> str:
    """newest bar 2013-03-01, 3,300 sessions old."""
    age = sessions_between(newest, timezone.now().date(), calendar)
    return f"newest bar {newest}, {age:,} {'session' if age == 1 else 'sessions'} old"


def coverage_of(universe: str) -> Coverage:
    """Raises NotAdvisable where the universe has no bars."""
    try:
        first, newest = universe_period(universe)
    except UnknownUniverse as error:
        raise NotAdvisable(str(error)) from error
    return Coverage(first.date(), newest.date(), calendar_of_universe(universe))


def universe_sessions(universe: str, days: Collection[date]) -> Days | None:
    """The sessions from the first of `days` to the last, of the calendar that most instruments of the universe have;
    None where there is none, or it isn't filled."""
    calendar = calendar_of_universe(universe)
    sessions = read_sessions(calendar, min(days), max(days)) if calendar and days else None
    return sessions.days if sessions else None


def coverage(series: Sequence[Series]) -> Coverage:
    """Of series that have bars."""
    firsts, lasts = zip(*((one.first, one.last) for one in series if one.first and one.last), strict=True)
    calendars = Counter(one.instrument.calendar for one in series if one.instrument.calendar)
    calendar = calendars.most_common(1)[0][0] if calendars else ""
    return Coverage(min(firsts).date(), max(lasts).date(), calendar)


def used_until(model: ModelVersion) -> date:
    """The last day whose close a model of a universe was made with. At that close it may speak: what it says is about
    the days after it."""
    return date.fromisoformat(model.run.result["used_until"])


def require_open(model: ModelVersion, covered: Coverage, as_of: date | None, *, in_sample: bool = False) -> None:
    """Raises NotAdvisable where `model` can't speak of `as_of` (None: the newest bar)."""
    if as_of and as_of < covered.first:
        raise NotAdvisable(
            f"No instrument of {model.universe} has a bar on or before {as_of}: the first is {covered.first}."
        )
    if as_of and sessions_between(covered.newest, as_of, covered.calendar) > OLDEST_SESSIONS:
        raise NotAdvisable(
            f"The bars of {model.universe} end on {covered.newest}, more than {OLDEST_SESSIONS} sessions before "
            f"{as_of}. Import newer ones, or choose {covered.newest}."
        )
    day = min(as_of or covered.newest, covered.newest)
    last = used_until(model)
    if day < last and not in_sample:
        raise InSample(
            f"{model.version} was trained on outcomes up to {last}: a recommendation for {day} would prove nothing. "
            f"Choose {last} or later."
        )
