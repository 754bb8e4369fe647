"""Bars as they stood: what imports changed is recorded beside the bars, and undone from the newest change back."""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from instruments.models import BarRevision, RevisionKind, Series
from instruments.quant.bars import Bars
from instruments.quant.mismatch import Mismatch
from instruments.quant.revisions import Change, pack, unpack
from instruments.store.read_bars import load_bars


class NotRecorded(ValueError):
    """Bars can't be read as of a moment, because what was changed since wasn't recorded yet; the sentence says when
    recording began."""


@dataclass(frozen=True)
class Origin:
    """Who changes bars, and how: recorded with what changes. `name` where it isn't the bars' source."""

    kind: str = RevisionKind.IMPORT
    name: str = ""
    run_id: str = ""
    user: User | None = None


IMPORT = Origin()


def revisions_write(
    changes: Sequence[tuple[Series, Change, int, Mismatch | None]], source: str, origin: Origin
) -> None:
    """`changes`: a series, what was changed of it, how many bars were added, and what other closes than another
    source's they got. In the transaction that changes the
    bars, under the lock on the series."""
    now = timezone.now()
    BarRevision.objects.bulk_create(
        (
            BarRevision(
                series=series,
                made_at=now,
                kind=origin.kind,
                source=origin.name or source,
                run_id=origin.run_id,
                user=origin.user,
                first=datetime.fromtimestamp(change.first, UTC),
                last=datetime.fromtimestamp(change.last, UTC),
                changed=len(change.time),
                added=added,
                content=pack(change),
                mismatch=mismatch and asdict(mismatch),
            )
            for series, change, added, mismatch in changes
        ),
        batch_size=500,
    )


def bars_as_known(series: Series, moment: datetime) -> Bars:
    """Every bar of the series as it stood at a moment, prices as stored. Raises NotRecorded."""
    if series.recorded_from and moment < series.recorded_from:
        raise NotRecorded(
            f"What was changed of {series} is recorded from {series.recorded_from:%Y-%m-%d %H:%M} UTC on: how its bars "
            "stood before can't be told."
        )
    bars = load_bars(series)
    for revision in revisions_since(series, moment):
        bars = unpack(bytes(revision.content)).undone(bars)
    return bars


def revisions_since(series: Series, moment: datetime) -> QuerySet[BarRevision]:
    """Newest first, every one from the first after `moment` on, though clocks of hosts may differ."""
    rows = BarRevision.objects.filter(series=series)
    first = rows.filter(made_at__gt=moment).order_by("pk").values("pk")[:1]
    return rows.filter(pk__gte=first).select_related("user").order_by("-pk")


@dataclass(frozen=True)
class Then:
    """A series to be read as it stood, and what changed it since, newest first; none where it is as it was."""

    series: Series
    since: Sequence[BarRevision]


def find_then(
    series: Series, moment: datetime, is_it: Callable[[Series], bool], *, until: datetime | None = None
) -> Then | None:
    """The series with its newest bars, back to those of before `moment`, of which `is_it` holds; None where it holds of
    none that is recorded. Bars after `until` don't matter to it."""
    if is_it(series):
        return Then(series, [])
    for state in _states(series, moment):
        matters = until is None or state.since[-1].first <= until
        if matters and is_it(state.series):
            return state
    return None


def _states(series: Series, moment: datetime) -> Iterator[Then]:
    """One change further back each time, and one beyond `moment`: an import may commit after its moment."""
    bars = load_bars(series)
    undone: tuple[BarRevision, ...] = ()
    rows = BarRevision.objects.filter(series=series).select_related("user").order_by("-pk")
    for revision in rows.iterator(chunk_size=100):
        bars = unpack(bytes(revision.content)).undone(bars)
        undone = (*undone, revision)
        yield Then(with_bars(series, bars), undone)
        if revision.made_at <= moment:
            return


def with_bars(series: Series, bars: Bars) -> Series:
    """The series, read with these bars in place of the stored ones."""
    then = copy.copy(series)
    then.bars_then = bars
    return then
