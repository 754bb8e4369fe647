"""The record of who did what: one call, one row, in the caller's transaction; when that has ended it is chained."""

from django.contrib.auth.models import User
from django.db import transaction

from boursomatic.accounts.chain import chain_extend
from boursomatic.accounts.models import AuditEntry
from boursomatic.accounts.roles import Person


def audit(user: Person | None, action: str, subject: str, **details: object) -> AuditEntry:
    """`action` is <noun>.<verb>, as run.create; `details` must be JSON, and hold no secret: an entry stays for ever.

    Chaining waits for the commit: within it, whoever imports for minutes would keep all others waiting for the chain's
    end. If it fails, the action is done all the same, and the workers' housekeeping chains the entry.
    """
    person = user if isinstance(user, User) else None
    entry = AuditEntry.objects.create(user=person, action=action, subject=subject[:120], details=details)
    transaction.on_commit(chain_extend, robust=True)
    return entry
