"""Stored series as what checks look at: with their calendar's sessions, their peers and their sources."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
from django.db.models import Count, Max, Min

from instruments.calendars.sessions import read_sessions
from instruments.models import PRESENT, BarRevision, Finding, PriceBar, Series, Timeframe
from instruments.quant.calendars import DAY, OWN, Days, as_date, as_day
from instruments.quant.health.agreement import Agreement, DayCounts, agree_on_sessions, crowded_days, settle
from instruments.quant.health.prices import is_unusual
from instruments.quant.health.subject import Mask, Rewrite, SourceRange, Subject
from instruments.quant.mismatch import Mismatch
from instruments.quant.point_in_time import TimedActions
from instruments.store.actions import read_actions
from instruments.store.columns import marked_bars

CALENDAR_CHECKS = ("calendar_closed", "calendar_open")
WHOLE = 0.8  # of a calendar's series: with fewer, what most of them have is not asked anew


class Peers:
    """Series of one calendar and timeframe. `agreement` has flaws of the calendar itself where `is_whole`."""

    def __init__(self, group: Sequence[Series]) -> None:
        self.group = group
        self.calendar, self.timeframe = group[0].instrument.calendar, group[0].timeframe
        peers = Series.objects.filter(
            instrument__calendar=self.calendar, timeframe=self.timeframe, rows__gt=0, instrument__active=True
        ).aggregate(count=Count("pk"), newest=Max("last"))
        has_calendar = self.calendar not in ("", OWN)
        self.is_whole = has_calendar and self.timeframe == Timeframe.DAY and len(group) >= WHOLE * peers["count"]
        self.newest = as_day(peers["newest"].date()) if has_calendar and peers["newest"] else None
        self._bars = [marked.bars for marked in marked_bars(group)]
        self._counts = self._counted()
        self.agreement = self._agreed()
        self._crowded = crowded_days(self._counts)

    def subjects(self, start: int, stop: int) -> Iterator[tuple[Series, Subject]]:
        """Members `start` to `stop` - 1, each complete."""
        members = self.group[start:stop]
        sources, rewrites, actions = _sources(members), _rewrites(members), read_actions(members)
        for series, bars in zip(members, self._bars[start:stop], strict=True):
            subject = Subject(bars, self.timeframe, self.calendar, newest=self.newest)
            yield (
                series,
                replace(
                    subject,
                    sessions=_within(self.agreement, subject),
                    peers_moved=np.isin(subject.days, self._crowded),
                    splits=_bars_at(subject, actions[series.pk]),
                    sources=sources[series.pk],
                    rewrites=rewrites[series.pk],
                ),
            )

    def _counted(self) -> DayCounts:
        counts = DayCounts(self._first - 1, self._last + 1)  # a day more: zones
        for bars in self._bars:
            subject = Subject(bars, self.timeframe, self.calendar)
            counts.add(subject.days, is_unusual(subject))
        return counts

    @property
    def _first(self) -> int:
        return min(int(bars.time[0]) for bars in self._bars if len(bars)) // DAY

    @property
    def _last(self) -> int:
        return max(int(bars.time[-1]) for bars in self._bars if len(bars)) // DAY

    def _agreed(self) -> Agreement | None:
        """None where the calendar isn't filled: then nobody knows on which days there should be a bar."""
        if self.calendar in ("", OWN):
            return None
        sessions = read_sessions(self.calendar, as_date(self._first), as_date(self._last))
        if sessions is None:
            return None
        if self.is_whole:
            return agree_on_sessions(self.calendar, sessions.days, self._counts)
        opened, closed = (_settled_days(self.calendar, check) for check in CALENDAR_CHECKS)
        return Agreement(settle(sessions.days, opened, closed), [])


def _settled_days(calendar: str, check: str) -> Days:
    """Of earlier findings about this calendar."""
    rows = Finding.objects.filter(series=None, calendar=calendar, check_name=check, state__in=PRESENT)
    told = {day for figures in rows.values_list("figures", flat=True) for day in figures["days"]}
    return np.array(sorted(as_day(date.fromisoformat(day)) for day in told), dtype=np.int64)


def _within(agreement: Agreement | None, subject: Subject) -> Days | None:
    if agreement is None or not len(subject.days):
        return None
    sessions = agreement.sessions
    start, stop = np.searchsorted(sessions, [subject.days[0], subject.days[-1] + 1])
    within: Days = sessions[start:stop]
    return within


def _bars_at(subject: Subject, actions: TimedActions) -> Mask:
    """(n,) the first bar after each split: of weeks the one that the split is in."""
    mask = np.zeros(len(subject.bars) + 1, dtype=np.bool_)
    times = actions.time[actions.is_split]
    if subject.timeframe == Timeframe.WEEK:
        times -= 6 * DAY
    mask[np.searchsorted(subject.bars.time, times)] = True
    return mask[:-1]


def _sources(members: Sequence[Series]) -> dict[int, list[SourceRange]]:
    rows = (
        PriceBar.objects.filter(series__in=[series.pk for series in members]).order_by().values("series_id", "source")
    )
    ranges: dict[int, list[SourceRange]] = defaultdict(list)
    for row in rows.annotate(first=Min("timestamp"), last=Max("timestamp")):
        source = SourceRange(row["source"], int(row["first"].timestamp()), int(row["last"].timestamp()))
        ranges[row["series_id"]].append(source)
    return ranges


def _rewrites(members: Sequence[Series]) -> dict[int, list[Rewrite]]:
    """Newest first: of two about the same bars it is the one that counts."""
    rows = BarRevision.objects.filter(series__in=[series.pk for series in members], mismatch__isnull=False)
    rewrites: dict[int, list[Rewrite]] = defaultdict(list)
    for pk, source, mismatch in rows.order_by("-pk").values_list("series_id", "source", "mismatch"):
        rewrites[pk].append(Rewrite(source, Mismatch(**(mismatch or {}))))
    return rewrites
