"""A split that is missing from a series kept as traded: its repair puts the split on record, and changes no price."""

from dataclasses import dataclass
from datetime import date

import numpy as np
from django.utils import timezone

from instruments.models import ActionKind, CorporateAction, Series
from instruments.quant.bars import Bars
from instruments.quant.calendars import as_date, as_day, day_begins
from instruments.quant.health.flaws import Flaw
from instruments.quant.health.repairs import NoRepair, split_of
from instruments.quant.health.subject import Subject
from instruments.store.actions import as_shown, mark_changed, read_actions


@dataclass(frozen=True)
class MissingSplit:
    """From `ex_day` on; `ratio` is the new shares for one old. `before` and `after`: the bars as people see them,
    without it and with it."""

    ex_day: date
    ratio: float
    before: Bars
    after: Bars
    text: str


def missing_split(series: Series, bars: Bars, subject: Subject, flaw: Flaw) -> MissingSplit:
    """What `flaw` says is missing; `bars` are all of the series, as they are stored. Raises NoRepair."""
    n, m = split_of(flaw)
    ex_day = as_date(int(subject.days[np.searchsorted(subject.bars.time, flaw.first)]))
    if CorporateAction.objects.filter(series=series, ex_day=ex_day, kind=ActionKind.SPLIT).exists():
        raise NoRepair(
            "A split of that day is on record, with another ratio. Correct it on the page Corporate actions."
        )
    begins = day_begins(as_day(ex_day), series.timeframe, series.instrument.calendar)
    actions = read_actions([series])[series.pk]
    return MissingSplit(
        ex_day,
        n / m,
        as_shown(bars, actions),
        as_shown(bars, actions.with_split(begins, n / m)),
        f"A split {n}:{m} of {ex_day} is put on record: what is before counts times {m / n:g}; prices as traded stay.",
    )


def split_put(*, series: Series, split: MissingSplit, source: str) -> None:
    """In the caller's transaction."""
    CorporateAction.objects.create(
        series=series,
        ex_day=split.ex_day,
        kind=ActionKind.SPLIT,
        ratio=split.ratio,
        source=source,
        known_at=timezone.now(),
    )
    mark_changed(series)


def split_of_repair(series: Series | None, source: str) -> CorporateAction | None:
    """The split that the repair of this name put on record, unless it was changed since."""
    return CorporateAction.objects.filter(series=series, source=source, kind=ActionKind.SPLIT).first()


def split_remove(*, series: Series, split: CorporateAction) -> None:
    """In the caller's transaction."""
    split.delete()
    mark_changed(series)


def without_split(series: Series, split: CorporateAction, bars: Bars) -> tuple[Bars, Bars]:
    """The bars as people see them, without a split that is on record and with it."""
    actions = read_actions([series])[series.pk]
    begins = day_begins(as_day(split.ex_day), series.timeframe, series.instrument.calendar)
    others = actions.where(~(actions.is_split & (actions.time == begins)))
    return as_shown(bars, others), as_shown(bars, actions)
