"""Repairs that stand: what a source gave for the bars that they changed or took away."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from instruments.models import BarRevision, PriceBar, RevisionKind, Series
from instruments.quant.bars import Bars
from instruments.quant.revisions import unpack
from instruments.store.read_bars import load_bars

REPAIR = "repair "  # how the source of repaired bars begins; the finding's number follows


def bars_before_repairs(series: Series) -> Bars | None:
    """Bars as they were before they were repaired, ascending: of those that a repair changed or took away, that wasn't
    undone, and that no import has changed since. None where there are none: one query."""
    standing = _standing(series)
    if not standing:
        return None
    bars, changes = load_bars(series), [unpack(bytes(revision.content)) for revision in standing]
    times = np.unique(np.concatenate([change.time for change in changes]))
    first, last = (datetime.fromtimestamp(int(second), UTC) for second in (times[0], times[-1]))
    others = PriceBar.objects.filter(series=series, timestamp__range=(first, last)).exclude(source__startswith=REPAIR)
    by_others = [int(moment.timestamp()) for moment in others.values_list("timestamp", flat=True)]
    for change in changes:
        bars = change.undone(bars)
    return bars.where(np.isin(bars.time, np.setdiff1d(times, by_others)))


def _standing(series: Series) -> Sequence[BarRevision]:
    """Newest first."""
    repairs = BarRevision.objects.filter(series=series, kind__in=(RevisionKind.REPAIR, RevisionKind.UNDO))
    standing: list[BarRevision] = []
    for revision in repairs.order_by("pk"):
        if revision.kind == RevisionKind.UNDO:
            standing = [earlier for earlier in standing if earlier.source != revision.source]
        else:
            standing.append(revision)
    return standing[::-1]
