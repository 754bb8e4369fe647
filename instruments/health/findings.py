"""Findings brought up to date with what a check found, and what people decide about them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from boursomatic.accounts.audit import audit
from instruments.models import PRESENT, RANKS, Finding, FindingState, Series, Severity
from instruments.quant.health.flaws import Flaw

REASON = 500  # characters
_FIELDS = ("last", "count", "severity", "rank", "figures", "text", "proposal", "state", "changed_at")

Key = tuple[str, datetime]  # check and first bar: what a finding of a series is recognised by


class NotAcknowledged(ValueError):
    """Why a finding can't be acknowledged, in a sentence."""


@dataclass
class Changes:
    """Of findings: how many a check found, by severity, how many of them are new, and how many are gone."""

    present: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Severity.values, 0))
    new: int = 0
    gone: int = 0


def findings_update(*, flaws: Mapping[int, Sequence[Flaw]], changes: Changes) -> None:
    """`flaws` by the key of every series that was checked, also where it has none. The caller holds a transaction."""
    stored: dict[int, dict[Key, Finding]] = {pk: {} for pk in flaws}
    for finding in Finding.objects.filter(series__in=flaws):
        stored[finding.series_id or 0][finding.check_name, finding.first] = finding
    rows = [row for pk, told in flaws.items() for row in _brought_up(told, stored[pk], {"series_id": pk}, changes)]
    _write(rows)


def calendar_findings_update(*, calendar: str, flaws: Sequence[Flaw], changes: Changes) -> None:
    """As `findings_update`, of days on which most instruments and their calendar disagree."""
    stored = Finding.objects.filter(series=None, calendar=calendar)
    by_key = {(finding.check_name, finding.first): finding for finding in stored}
    _write(_brought_up(flaws, by_key, {"calendar": calendar}, changes))


def finding_acknowledge(*, finding: Finding, reason: str, user: User) -> Finding:
    """Somebody looked and gave a reason: it stays, but is no longer open. Raises NotAcknowledged."""
    if not reason.strip():
        raise NotAcknowledged("Say why it is all right: a finding is acknowledged with a reason.")
    now = timezone.now()
    values = {"reason": reason.strip()[:REASON], "user": user, "decided_at": now, "changed_at": now}
    with transaction.atomic():
        present = Finding.objects.filter(pk=finding.pk, state__in=PRESENT)
        if not present.update(state=FindingState.ACKNOWLEDGED, **values):
            raise NotAcknowledged(f"It is {finding.get_state_display().lower()}: there is nothing to acknowledge.")
        audit(user, "finding.acknowledge", str(finding), finding=finding.pk, reason=values["reason"])
    finding.refresh_from_db()
    return finding


def _brought_up(
    flaws: Iterable[Flaw], stored: Mapping[Key, Finding], owner: Mapping[str, Any], changes: Changes
) -> list[Finding]:
    """Rows to write: new ones, those that changed, those that are gone."""
    now, seen, rows = timezone.now(), set[Key](), []
    for flaw in flaws:
        key = (flaw.check, datetime.fromtimestamp(flaw.first, UTC))
        if key in seen:  # two prices of one bar, say
            continue
        seen.add(key)
        changes.present[flaw.severity] += 1
        finding = stored.get(key) or Finding(check_name=key[0], first=key[1], found_at=now, **owner)
        changes.new += finding.pk is None
        if _take_over(finding, flaw):
            finding.changed_at = now
            rows.append(finding)
    for key, finding in stored.items():
        if key not in seen and finding.state in PRESENT:
            finding.state, finding.changed_at = FindingState.GONE, now
            changes.gone += 1
            rows.append(finding)
    return rows


def _take_over(finding: Finding, flaw: Flaw) -> bool:
    """Whether anything changed. What was acknowledged stays so, unless it got worse; what was gone or repaired and is
    found again is as it was before."""
    rank = RANKS[flaw.severity]
    is_worse = finding.pk is not None and rank < finding.rank
    is_settled = bool(finding.reason) and not is_worse
    values = {
        "last": datetime.fromtimestamp(flaw.last, UTC),
        "count": flaw.count,
        "severity": flaw.severity,
        "rank": rank,
        "figures": dict(flaw.figures),
        "text": flaw.text,
        "proposal": flaw.proposal,
        "state": FindingState.ACKNOWLEDGED if is_settled else FindingState.OPEN,
    }
    changed = finding.pk is None or any(getattr(finding, name) != value for name, value in values.items())
    for name, value in values.items():
        setattr(finding, name, value)
    return changed


def _write(rows: Sequence[Finding]) -> None:
    Finding.objects.bulk_create([row for row in rows if row.pk is None], batch_size=500)
    Finding.objects.bulk_update([row for row in rows if row.pk is not None], _FIELDS, batch_size=200)


def worst_of(series: Iterable[Series]) -> dict[int, str]:
    """The severity of the worst open finding of each of these series that has one, by their keys."""
    pks = [member.pk for member in series]
    rows = Finding.objects.filter(series__in=pks, state=FindingState.OPEN).order_by("-rank")
    return {pk: severity for pk, severity in rows.values_list("series_id", "severity") if pk is not None}
