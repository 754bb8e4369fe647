"""Where a calendar and most of its instruments disagree about a day: one finding of the calendar, none of each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instruments.quant.calendars import DAY, Days, as_date
from instruments.quant.health.flaws import WARN, Flaw

MOST = 0.8  # of the instruments that have bars before and after
FEWEST = 5  # of them; fewer may all be wrong alike
CROWD = 0.1  # of the instruments with a bar: when so many make an unusual move, it is the market
_CROWD_FEWEST = 3
_YEAR = 400  # calendar days


class DayCounts:
    """How many instruments have a bar on each day from `first` to `last`, how many could have one (there are bars
    before and after), and how many made an unusual move."""

    def __init__(self, first: int, last: int) -> None:
        self.first, days = first, last - first + 1
        self.present = np.zeros(days, dtype=np.int32)
        self.unusual = np.zeros(days, dtype=np.int32)
        self._change = np.zeros(days + 1, dtype=np.int32)

    def add(self, days: Days, is_unusual: NDArray[np.bool_]) -> None:
        """An instrument's bars: the day of each, ascending, and whether its move is unusual."""
        if not len(days):
            return
        places = days - self.first
        self.present[places] += 1  # a day twice counts once
        self.unusual[places[is_unusual]] += 1
        self._change[places[0]] += 1
        self._change[places[-1] + 1] -= 1

    @property
    def alive(self) -> NDArray[np.int32]:
        return np.cumsum(self._change[:-1], dtype=np.int32)

    def days_where(self, mask: NDArray[np.bool_]) -> Days:
        return np.flatnonzero(mask) + self.first


@dataclass(frozen=True)
class Agreement:
    """`sessions`: days on which the calendar's instruments trade, after what most of them say."""

    sessions: Days
    flaws: list[Flaw]


def agree_on_sessions(calendar: str, sessions: Days, counts: DayCounts) -> Agreement:
    """A day that the calendar doesn't have, on which MOST of the instruments have a bar, counts as a session; a session
    on which MOST have none doesn't."""
    alive = counts.alive
    share = counts.present / np.maximum(alive, 1)
    is_session = np.isin(np.arange(len(alive)) + counts.first, sessions)
    opened = counts.days_where((alive >= FEWEST) & ~is_session & (share >= MOST))
    closed = counts.days_where((alive >= FEWEST) & is_session & (share <= 1 - MOST))
    flaws = [_open_day(calendar, days) for days in _stretches(opened)]
    flaws += [_closed_day(calendar, days) for days in _stretches(closed)]
    return Agreement(settle(sessions, opened, closed), flaws)


def settle(sessions: Days, opened: Days, closed: Days) -> Days:
    """The sessions with the days that most instruments have, without those that most don't."""
    return np.union1d(np.setdiff1d(sessions, closed), opened)


def crowded_days(counts: DayCounts) -> Days:
    """Days on which CROWD of the instruments with a bar made an unusual move."""
    return counts.days_where((counts.unusual >= _CROWD_FEWEST) & (counts.unusual >= CROWD * counts.present))


def _stretches(days: Days) -> list[Days]:
    """Days with no more than a year between them are one finding: an exchange's holidays come every year."""
    return np.split(days, np.flatnonzero(np.diff(days) > _YEAR) + 1) if len(days) else []


def _open_day(calendar: str, days: Days) -> Flaw:
    text = f"Most instruments of {calendar} have bars on {_told(days)}, on which it is closed."
    return _flaw("calendar_closed", days, text)


def _closed_day(calendar: str, days: Days) -> Flaw:
    text = f"Most instruments of {calendar} have no bar on {_told(days)}, on which it trades."
    return _flaw("calendar_open", days, text)


def _flaw(check: str, days: Days, text: str) -> Flaw:
    figures = {"days": [as_date(day).isoformat() for day in days.tolist()]}
    proposal = "Compare with the exchange's own calendar; checks go by what most instruments have."
    return Flaw(check, WARN, days * DAY, text, proposal, figures)


def _told(days: Days) -> str:
    first, last = as_date(int(days[0])), as_date(int(days[-1]))
    return str(first) if len(days) == 1 else f"{len(days):,} days from {first} to {last}"
