"""The record of who did what: one call, one row, in the caller's transaction."""

from django.contrib.auth.models import User

from boursomatic.accounts.models import AuditEntry
from boursomatic.accounts.roles import Person


def audit(user: Person | None, action: str, subject: str, **details: object) -> AuditEntry:
    """`action` is <noun>.<verb>, as run.create; `details` must be JSON."""
    person = user if isinstance(user, User) else None
    return AuditEntry.objects.create(user=person, action=action, subject=subject[:120], details=details)
