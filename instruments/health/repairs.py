"""Repairs of stored bars: proposed for a finding, looked at, applied by somebody, and undone. Nothing repairs itself.

A repair is an import of its own, from the source `repair NUMBER`, whole or not at all; what it changes is recorded like
that of any import, and so it is undone.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from boursomatic.accounts.audit import audit
from instruments.health.split_actions import MissingSplit, missing_split, split_of_repair, split_put, split_remove
from instruments.health.subjects import Peers
from instruments.models import (
    PRESENT,
    REPAIR,
    BarRevision,
    CorporateAction,
    Finding,
    FindingState,
    RevisionKind,
    Series,
)
from instruments.quant.bars import Bars, Seconds, fingerprint
from instruments.quant.health.checks import find_flaws
from instruments.quant.health.repairs import NoRepair, propose
from instruments.quant.revisions import bars_that_differ, unpack
from instruments.store.actions import is_as_traded
from instruments.store.read_bars import load_bars
from instruments.store.revisions import Origin, with_bars
from instruments.store.write_bars import lock_series, remove_bars, write_bars

CHANGED_SINCE = "The bars have changed since you looked at this repair. Look at it again."


class RepairRefused(ValueError):
    """Why a finding can't be repaired, or its repair not be undone, in a sentence."""


@dataclass(frozen=True)
class Proposal:
    """What a repair would make of the bars of a series. `changed`: times of bars with other numbers; `removed`: of
    those that are taken away; both ascending. `split` is put on record in the place of other prices, where the series
    is kept as traded. `mark` tells whether it is still the one that was looked at."""

    series: Series
    before: Bars
    after: Bars
    changed: Seconds
    removed: Seconds
    text: str
    mark: str
    split: MissingSplit | None = None

    @property
    def first(self) -> datetime:
        return _moment(np.concatenate((self.changed, self.removed)).min())

    @property
    def last(self) -> datetime:
        return _moment(np.concatenate((self.changed, self.removed)).max())


def repair_propose(finding: Finding) -> Proposal:
    """Of the bars as they are now. Raises RepairRefused."""
    if finding.series is None:
        raise RepairRefused("It is about days of a calendar: there are no bars to repair.")
    if finding.state not in PRESENT:
        raise RepairRefused(f"It is {finding.get_state_display().lower()}: there is nothing to repair.")
    series = finding.series
    before = load_bars(series)
    peers = Peers([with_bars(series, before)])  # past the cache of columns, which runs fill
    [(_, subject)] = peers.subjects(0, 1)
    flaws = [flaw for flaw in find_flaws(subject) if flaw.check == finding.check_name]
    flaw = next((flaw for flaw in flaws if _moment(flaw.first) == finding.first), None)
    if flaw is None:
        raise RepairRefused("The bars have changed since they were checked, and it is no longer found in them.")
    split = None
    try:
        repair = propose(subject, flaw)
        if is_as_traded(series) and flaw.check == "split":
            split = missing_split(series, before, subject, flaw)
    except NoRepair as reason:
        raise RepairRefused(f"There is no repair to propose. {reason}") from reason
    if split:
        return _proposal(series, split.before, split.after, split.text, split)
    after = _as_stored(repair.after, subject.bars, before) if is_as_traded(series) else repair.after
    return _proposal(series, before, after.where(~repair.removed), repair.text)


def _proposal(series: Series, before: Bars, after: Bars, text: str, split: MissingSplit | None = None) -> Proposal:
    """Raises RepairRefused."""
    removed = np.setdiff1d(before.time, after.time, assume_unique=True)
    changed = np.setdiff1d(bars_that_differ(before, after), removed, assume_unique=True)
    if not len(changed) and not len(removed):
        raise RepairRefused("There is no repair to propose: the bars would stay as they are.")
    mark = hashlib.sha256(f"{fingerprint(before)} {fingerprint(after)}".encode()).hexdigest()[:16]
    return Proposal(series, before, after, changed, removed, text, mark, split)


def _as_stored(after: Bars, read: Bars, stored: Bars) -> Bars:
    """What is to be stored of a series that is kept as traded, whose bars are `read` with other volumes and adjusted
    closes than are `stored`."""
    shares = np.divide(after.volume, read.volume, out=np.ones(len(read)), where=read.volume > 0)
    return replace(after, volume=stored.volume * shares, adj_close=stored.adj_close * (after.close / read.close))


def repair_apply(*, finding: Finding, user: User, mark: str = "") -> Finding:
    """The bars as proposed. Where a `mark` is given, only what was looked at under it. Raises RepairRefused."""
    name = _name(finding)
    with transaction.atomic():
        finding = _locked(finding)
        proposal = repair_propose(finding)
        if mark and mark != proposal.mark:
            raise RepairRefused(CHANGED_SINCE)
        if proposal.split:
            split_put(series=proposal.series, split=proposal.split, source=name)
        else:
            _store(proposal, name, user)
        _set_state(finding, FindingState.REPAIRED)
        counts = {"changed": len(proposal.changed), "removed": len(proposal.removed)}
        audit(user, "finding.repair", str(finding), finding=finding.pk, text=proposal.text, **counts)
    return finding


def _store(proposal: Proposal, name: str, user: User) -> None:
    origin = Origin(RevisionKind.REPAIR, user=user)
    remove_bars(proposal.series, proposal.removed, name, origin)
    if len(proposal.changed):
        bars = proposal.after.where(np.isin(proposal.after.time, proposal.changed))
        write_bars([(proposal.series, bars)], name, origin)


def repair_undo(*, finding: Finding, user: User) -> Finding:
    """The bars as they were before the repair, from where they came; the finding is open again, or acknowledged. Raises
    RepairRefused."""
    name = _name(finding)
    with transaction.atomic():
        finding = _locked(finding)
        if finding.state != FindingState.REPAIRED or finding.series is None:
            raise RepairRefused(f"It is {finding.get_state_display().lower()}: there is no repair to undo.")
        if split := repair_split(finding):
            split_remove(series=finding.series, split=split)
            count = 0
        else:
            count = _store_undone(finding, finding.series, Origin(RevisionKind.UNDO, name=name, user=user))
        _set_state(finding, FindingState.ACKNOWLEDGED if finding.reason else FindingState.OPEN)
        audit(user, "finding.undo", str(finding), finding=finding.pk, bars=count)
    return finding


def _store_undone(finding: Finding, series: Series, origin: Origin) -> int:
    bars, sources = undone_bars(finding)
    for source in sorted(set(sources.values())):
        times = [second for second, own in sources.items() if own == source]
        write_bars([(series, bars.where(np.isin(bars.time, times)))], source, origin)
    return len(sources)


def repair_split(finding: Finding) -> CorporateAction | None:
    """The split that its repair has put on record."""
    return split_of_repair(finding.series, _name(finding))


def undone_bars(finding: Finding) -> tuple[Bars, dict[int, str]]:
    """Every bar of a repaired series as it would be without the repair, and, by their times, where those came from that
    would be others. Raises RepairRefused where bars of the repair were changed since."""
    series, repairs = finding.series, repair_revisions(finding)
    if series is None or not repairs:
        raise RepairRefused("There is no repair to undo.")
    first, last = min(row.first for row in repairs), max(row.last for row in repairs)
    since = BarRevision.objects.filter(series=series, pk__gt=repairs[0].pk, first__lte=last, last__gte=first)
    if later := since.order_by("pk").first():
        raise RepairRefused(
            f"Bars of this repair were changed since, by {later.source} at {later.made_at:%Y-%m-%d %H:%M} UTC: undoing "
            "it would mix the two. Import the bars again instead."
        )
    bars, sources = load_bars(series), dict[int, str]()
    for revision in repairs:
        change = unpack(bytes(revision.content))
        bars = change.undone(bars)
        sources |= dict(zip(change.time.tolist(), change.sources, strict=True))
    return bars, sources


def repair_revisions(finding: Finding) -> Sequence[BarRevision]:
    """What its latest repair changed, newest first; none where it was never repaired, or that was undone."""
    rows = BarRevision.objects.filter(series=finding.series_id).select_related("user").order_by("-pk")
    latest = rows.filter(source=_name(finding)).first()
    if latest is None:
        return []
    own = (latest.source, RevisionKind.REPAIR)
    return list(takewhile(lambda row: (row.source, row.kind) == own, rows.filter(pk__lte=latest.pk).iterator(50)))


def _locked(finding: Finding) -> Finding:
    """As it is now, and stays until the transaction ends, with its series."""
    if finding.series is not None:
        lock_series([finding.series])
    return Finding.objects.select_related("series__instrument", "user").get(pk=finding.pk)


def _set_state(finding: Finding, state: FindingState) -> None:
    finding.state, finding.changed_at = state, timezone.now()
    finding.save(update_fields=["state", "changed_at"])


def _name(finding: Finding) -> str:
    """Of the source that repaired bars have."""
    return f"{REPAIR}{finding.pk}"


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
