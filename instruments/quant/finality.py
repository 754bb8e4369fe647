"""When a bar changes no more: its session has closed, and its source has had the time that it takes."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from instruments.quant.bars import Seconds
from instruments.quant.calendars import DAY, Sessions, as_date

LENGTH = {"1h": 3600, "4h": 4 * 3600, "1d": DAY, "1w": 7 * DAY}  # seconds
RECENT = 15 * DAY  # bars of before are final whatever the calendar says


@dataclass(frozen=True)
class Finality:
    """A source's bar of a session is final `after` its close, and not before `at` on that day in `zone`."""

    after: timedelta = timedelta()
    at: time | None = None
    zone: str = "UTC"

    def moment(self, day: int, close: int) -> int:
        """Seconds since 1970 UTC from which the bar of `day` (days since 1970), that closes at `close`, is final."""
        moment = close + int(self.after.total_seconds())
        return moment if self.at is None else max(moment, moment_in(self.zone, day, self.at))


def moment_in(zone: str, day: int, at: time) -> int:
    """That hour of that day in a zone, in seconds since 1970 UTC."""
    return int(datetime.combine(as_date(day), at, ZoneInfo(zone)).astimezone(UTC).timestamp())


def day_end(zone: str, day: int) -> int:
    """Midnight at the end of a day in a zone."""
    return moment_in(zone, day + 1, time(0))


def final_mask(
    bar_time: Seconds, timeframe: str, finality: Finality, sessions: Sessions | None, zone: str, *, now: float
) -> NDArray[np.bool_]:
    """(n,) bool: which bars are final at `now` (seconds since 1970). `bar_time` as bars have it, ascending.

    Days without a session in `sessions`, and all where it is None, end at midnight in `zone`. A week ends with its last
    session, an hour when it is over.
    """
    final = np.ones(len(bar_time), dtype=np.bool_)
    closes = {} if sessions is None else dict(zip(sessions.days.tolist(), sessions.closes.tolist(), strict=True))
    for place in np.flatnonzero(bar_time > now - RECENT).tolist():
        final[place] = _final_from(int(bar_time[place]), timeframe, finality, closes, zone) <= now
    return final


def _final_from(start: int, timeframe: str, finality: Finality, closes: dict[int, int], zone: str) -> int:
    if timeframe not in ("1d", "1w"):
        return start + LENGTH[timeframe] + int(finality.after.total_seconds())
    first = start // DAY
    last = first + LENGTH[timeframe] // DAY - 1
    day = next((day for day in range(last, first - 1, -1) if day in closes), last)
    return finality.moment(day, closes.get(day) or day_end(zone, day))
