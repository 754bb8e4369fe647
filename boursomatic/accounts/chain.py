"""The audit's chain of hashes: each entry holds the SHA-256 of the hash before it and its own content.

What is changed, taken out or put in between later, by hand and without the triggers, breaks it there. Who can rewrite
all that follows can't be found by the chain alone: write its last hash down elsewhere.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from boursomatic.accounts.models import AuditEntry, AuditHead

AT_ONCE = 500
CONTENT = ("at", "user_id", "action", "subject", "details")
Content = tuple[datetime, int | None, str, str, Any]


@dataclass(frozen=True)
class ChainReport:
    """`first_broken` is the number of the first entry that is not as it was chained, or is gone; None if all are."""

    entries: int
    first_broken: int | None
    last_hash: str


def entry_hash(previous: str, number: int, content: Content) -> str:
    """Over canonical JSON. Never to be changed: what is stored was made so, and the migration calls it."""
    at, user, action, subject, details = content
    hashed = {
        "number": number,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "user": user,
        "action": action,
        "subject": subject,
        "details": details,
    }
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256((previous + text).encode()).hexdigest()


def chain_extend() -> None:
    """Chains what was committed and isn't chained yet, in short transactions; one process at a time, by the head's
    lock (SQLite has one writer anyway)."""
    while AuditEntry.objects.filter(number=None).exists():
        if _chain_some() < AT_ONCE:
            break  # who adds more meanwhile chains them


def _chain_some() -> int:
    """How many entries have been chained, at most AT_ONCE."""
    with transaction.atomic():
        head = _locked_head()
        # As the database gives them back: JSON of PostgreSQL writes some numbers in another way.
        entries = list(AuditEntry.objects.filter(number=None).order_by("pk")[:AT_ONCE])
        for entry in entries:
            head.number += 1
            head.hash = entry_hash(head.hash, head.number, content_of(entry))
            entry.number, entry.hash = head.number, head.hash
        AuditEntry.objects.bulk_update(entries, ["number", "hash"])
        head.save()
    return len(entries)


def chain_verify() -> ChainReport:
    """Reads every entry that is chained; what is added meanwhile may be read too."""
    head = AuditHead.objects.first() or AuditHead(number=0, hash="")
    number, previous = 0, ""
    for stored_number, stored_hash, content in _chained():
        number += 1
        expected = entry_hash(previous, number, content)
        is_head_passed = number == head.number and stored_hash != head.hash
        if stored_number != number or stored_hash != expected or is_head_passed:
            return ChainReport(AuditEntry.objects.count(), number, head.hash)
        previous = stored_hash
    is_whole = number >= head.number
    return ChainReport(AuditEntry.objects.count(), None if is_whole else number + 1, head.hash)


def content_of(entry: AuditEntry) -> Content:
    """What is hashed of an entry, beside its number; of a historical model's too."""
    return entry.at, entry.user_id, entry.action, entry.subject, entry.details


def _chained() -> Iterator[tuple[int, str, Content]]:
    rows = AuditEntry.objects.exclude(number=None).order_by("number").values_list("number", "hash", *CONTENT)
    for number, stored_hash, at, user, action, subject, details in rows.iterator(chunk_size=2_000):
        yield number, stored_hash, (at, user, action, subject, details)


def _locked_head() -> AuditHead:
    locked = AuditHead.objects.select_for_update()
    if head := locked.filter(pk=1).first():
        return head
    last = AuditEntry.objects.exclude(number=None).order_by("-number").values("number", "hash").first()
    AuditHead.objects.get_or_create(pk=1, defaults=last)
    return locked.get(pk=1)
