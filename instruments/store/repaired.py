"""Repairs in force: what a source gave for the bars that they changed or took away."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from instruments.models import REPAIR, BarRevision, PriceBar, RevisionKind, Series
from instruments.quant.bars import Bars
from instruments.quant.revisions import unpack
from instruments.store.read_bars import load_bars


def bars_before_repairs(series: Series) -> Bars | None:
    """Bars as they were before they were repaired, ascending: of those that a repair changed or took away, that wasn't
    undone, and that no import has changed since. None where there are none: one query."""
    in_force = _in_force(series)
    if not in_force:
        return None
    bars, changes = load_bars(series), [unpack(bytes(revision.content)) for revision in in_force]
    times = np.unique(np.concatenate([change.time for change in changes]))
    first, last = (datetime.fromtimestamp(int(second), UTC) for second in (times[0], times[-1]))
    others = PriceBar.objects.filter(series=series, timestamp__range=(first, last)).exclude(source__startswith=REPAIR)
    by_others = [int(moment.timestamp()) for moment in others.values_list("timestamp", flat=True)]
    for change in changes:
        bars = change.undone(bars)
    return bars.where(np.isin(bars.time, np.setdiff1d(times, by_others)))


def newest_source_before_repairs(series: Series) -> str:
    """Whom a series' newest bar, which was repaired, is from; "" where that isn't recorded."""
    assert series.last is not None
    newest = int(series.last.timestamp())
    for revision in _in_force(series):
        change = unpack(bytes(revision.content))
        sources: dict[int, str] = dict(zip(change.time.tolist(), change.sources, strict=True))
        if not sources.get(newest, REPAIR).startswith(REPAIR):
            return sources[newest]
    return ""


def _in_force(series: Series) -> Sequence[BarRevision]:
    """Newest first."""
    repairs = BarRevision.objects.filter(series=series, kind__in=(RevisionKind.REPAIR, RevisionKind.UNDO))
    in_force: list[BarRevision] = []
    for revision in repairs.order_by("pk"):
        if revision.kind == RevisionKind.UNDO:
            in_force = [earlier for earlier in in_force if earlier.source != revision.source]
        else:
            in_force.append(revision)
    return in_force[::-1]
