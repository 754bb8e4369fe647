"""Wrong passwords in the audit: counted by the minute, so that whoever guesses doesn't fill what is kept for ever."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from boursomatic.accounts.audit import audit
from boursomatic.accounts.chain import chain_extend
from boursomatic.accounts.models import FailedLogin

MOST_A_MINUTE = 20  # names and addresses that are told apart; the rest is counted together
AT_ONCE = 200


def failed_login_note(name: str, address: str) -> None:
    """A name that nobody has is not kept: it may be a password typed in the wrong field."""
    minute = timezone.now().replace(second=0, microsecond=0)
    is_known = User.objects.filter(username=name).exists()
    counted: dict[str, Any] = {"minute": minute, "name": name if is_known else "", "address": address}
    if not FailedLogin.objects.filter(**counted).exists():
        failed_logins_close(minute)
        if FailedLogin.objects.filter(minute=minute).count() >= MOST_A_MINUTE:
            counted |= {"name": "", "address": ""}
        FailedLogin.objects.get_or_create(**counted)
    FailedLogin.objects.filter(**counted).update(count=F("count") + 1)


def failed_logins_close(before: datetime) -> None:
    """Minutes that are over become entries."""
    ended = FailedLogin.objects.filter(minute__lt=before)
    if not ended.exists():
        return
    with transaction.atomic():
        rows = list(ended.order_by("pk").select_for_update(skip_locked=True)[:AT_ONCE])
        for row in rows:
            details = {"minute": row.minute.isoformat(), "count": row.count, "address": row.address or "several"}
            audit(None, "session.refuse", row.name or "an unknown name", **details)
        FailedLogin.objects.filter(pk__in=[row.pk for row in rows]).delete()


def audit_keep() -> None:
    """Called by the worker command (settings.HOUSEKEEPING). Nothing is ever deleted."""
    failed_logins_close(timezone.now().replace(second=0, microsecond=0))
    chain_extend()
