"""The bars that a run was made with, where they have changed since: which did, by what, and in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from instruments.models import BarRevision, RevisionKind, Series
from instruments.quant.bars import Seconds
from instruments.quant.revisions import bars_that_differ
from instruments.store.read_bars import load_bars
from instruments.store.revisions import Then
from training.models import TrainingRun
from training.recipes.verification.schema import BarsChanged, BarsImport

NAMED = 3  # imports in a sentence
_LISTED = 100
_KINDS = {RevisionKind.IMPORT: "the import", RevisionKind.REPAIR: "", RevisionKind.UNDO: "undoing"}


@dataclass(frozen=True)
class Changed:
    """Of a series: times of the bars that changed since, ascending, and what changed them, newest first."""

    series: Series
    times: Seconds
    revisions: Sequence[BarRevision]


def changed_bars(now: Series, then: Then, *, start: datetime | None, end: datetime) -> Changed:
    """Of those from `start` to `end`, which are what the run was made with."""
    times = bars_that_differ(load_bars(then.series, start=start, end=end), load_bars(now, start=start, end=end))
    is_within = [row for row in then.since if row.first <= end and (start is None or row.last >= start)]
    return Changed(now, times, is_within)


def told_changes(run: TrainingRun, changes: Iterable[Changed]) -> BarsChanged | None:
    """None where no bar is another."""
    changes = [each for each in changes if len(each.times)]
    if not changes:
        return None
    revisions = [(each.series, row) for each in changes for row in each.revisions]
    revisions.sort(key=lambda pair: pair[1].pk, reverse=True)
    times = np.concatenate([each.times for each in changes])
    return BarsChanged(
        stood_at=_iso(moment_of(run)),
        bars=len(times),
        first=_iso(datetime.fromtimestamp(int(times.min()), UTC)),
        last=_iso(datetime.fromtimestamp(int(times.max()), UTC)),
        symbols=[each.series.instrument.symbol for each in changes],
        imports=[_import(series, row) for series, row in revisions[:_LISTED]],
    )


def moment_of(run: TrainingRun) -> datetime:
    """When it began to read its bars, or before."""
    return run.started_at or run.created_at


def changes_text(changed: BarsChanged) -> str:
    """A sentence with the bars, and what changed them when."""
    causes = list(dict.fromkeys(_cause(each) for each in changed.imports))
    more = len(causes) - NAMED
    by = " and ".join(causes[:NAMED]) + (f" and {more} more" if more > 0 else "")
    count = "One bar was" if changed.bars == 1 else f"{changed.bars:,} bars were"
    of = "" if len(changed.symbols) == 1 else f" of {_listed(changed.symbols)}"
    span = changed.first[:10] if changed.first == changed.last else f"{changed.first[:10]} to {changed.last[:10]}"
    return f"{count} changed since{of} ({span}) by {by}."


def on_bars_then(changed: BarsChanged) -> str:
    return f"on the bars as they stood at {changed.stood_at[:16].replace('T', ' ')} UTC"


def unrecorded_text(run: TrainingRun, series: Iterable[Series]) -> str:
    """Why the bars of then can't be told; "" where everything since the run is recorded."""
    began = [one.recorded_from for one in series if one.recorded_from and moment_of(run) < one.recorded_from]
    if not began:
        return ""
    return (
        f" What was changed before {max(began):%Y-%m-%d %H:%M} UTC isn't recorded, so the bars of then can't be told."
    )


def _listed(symbols: Sequence[str]) -> str:
    more = len(symbols) - NAMED
    return ", ".join(symbols[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _cause(of: BarsImport) -> str:
    run = f" (run {of.run_id})" if of.run_id else ""
    return f"{_KINDS[RevisionKind(of.kind)]} {of.source}{run} at {of.made_at[:16].replace('T', ' ')} UTC".strip()


def _import(series: Series, row: BarRevision) -> BarsImport:
    return BarsImport(
        symbol=series.instrument.symbol,
        made_at=_iso(row.made_at),
        kind=row.kind,
        source=row.source,
        run_id=row.run_id or None,
        user=row.user.get_username() if row.user else None,
    )


def _iso(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
