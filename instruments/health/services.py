"""Checks of stored bars."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F, Q, QuerySet

from instruments.calendars.services import calendars_fill
from instruments.health.findings import Changes, calendar_findings_update, findings_update
from instruments.health.subjects import Peers
from instruments.models import Series
from instruments.quant.health.checks import find_flaws

AT_ONCE = 200  # series whose findings are written in one transaction

OnSeries = Callable[[int, int], None]  # (series done, series to do)


@dataclass
class Checked:
    """What a check did. `problem` says why calendars could not be filled: without them no session is missing."""

    series: int = 0
    changes: Changes = field(default_factory=Changes)
    problem: str = ""


def checkable_series() -> QuerySet[Series]:
    """Those of active instruments that have bars."""
    return Series.objects.filter(rows__gt=0, instrument__active=True)


def changed_series() -> QuerySet[Series]:
    """Of these, those whose bars changed since they were last checked."""
    return checkable_series().filter(Q(checked_at=None) | Q(checked_at__lt=F("updated_at")))


def series_check(*, pks: Sequence[int], on_series: OnSeries = lambda done, todo: None) -> Checked:
    """Run every check on these series and bring their findings up to date."""
    checked = Checked(problem=calendars_fill().problem)
    for group in _groups(pks):
        peers = Peers(group)
        if peers.is_whole and peers.agreement is not None:
            with transaction.atomic():
                calendar_findings_update(calendar=peers.calendar, flaws=peers.agreement.flaws, changes=checked.changes)
        for start in range(0, len(group), AT_ONCE):
            flaws = {series.pk: find_flaws(subject) for series, subject in peers.subjects(start, start + AT_ONCE)}
            with transaction.atomic():
                members = {series.pk: series for series in group[start : start + AT_ONCE]}
                list(Series.objects.select_for_update().filter(pk__in=members).order_by("pk").values_list("pk"))
                findings_update(flaws=flaws, changes=checked.changes)
                for series in members.values():  # as it was when its bars were read: what came later is checked later
                    Series.objects.filter(pk=series.pk).update(checked_at=series.updated_at)
            checked.series += len(members)
            on_series(checked.series, len(pks))
    return checked


def _groups(pks: Sequence[int]) -> Iterator[list[Series]]:
    """Series of one calendar and timeframe: each other's peers."""
    groups: dict[tuple[str, str], list[Series]] = defaultdict(list)
    rows = Series.objects.filter(pk__in=pks, rows__gt=0).select_related("instrument").order_by("pk")
    for series in rows:
        groups[series.instrument.calendar, series.timeframe].append(series)
    yield from groups.values()
