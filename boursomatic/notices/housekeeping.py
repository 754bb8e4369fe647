"""What the worker command does for notices beside its runs; each step is quick, and harmless when done twice."""

from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.utils import timezone

from boursomatic.accounts.members import accounts_without_role
from boursomatic.notices.mails import mails_give_up
from boursomatic.notices.models import Notice, NoticeKind
from boursomatic.notices.services import notice_make

KEPT = timedelta(days=365)
AT_ONCE = 50
SETTLED = timedelta(minutes=10)  # who makes an account gives it a role within so long


def notices_keep() -> None:
    """Called by the worker command (settings.HOUSEKEEPING)."""
    accounts_notice()
    old_notices_delete()
    mails_give_up()


def accounts_notice() -> None:
    """Accounts that can log in and see nothing, once each."""
    noticed = Notice.objects.filter(kind=NoticeKind.ACCOUNT, subject=OuterRef("username"))
    idle = accounts_without_role().filter(date_joined__lt=Now() - SETTLED)
    for user in idle.exclude(Exists(noticed))[:AT_ONCE]:
        text = f"The account {user.username} has no role yet: make it a viewer, trainer, manager or admin."
        notice_make(NoticeKind.ACCOUNT, user.username, text, day=user.date_joined.date())


def old_notices_delete() -> None:
    """Those of more than a year ago, the oldest first: ids rise with time, so no index of times is needed."""
    before = timezone.now() - KEPT
    old = [notice.pk for notice in Notice.objects.order_by("pk").only("made_at")[:AT_ONCE] if notice.made_at < before]
    if old:
        Notice.objects.filter(pk__in=old).delete()
