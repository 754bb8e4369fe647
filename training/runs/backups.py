"""Backups that admins start, one at a time; and what admins are told where one failed."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from boursomatic.notices.models import Notice, NoticeKind
from boursomatic.notices.services import notice_make
from training.models import ACTIVE, Status, TrainingRun
from training.recipes.backup.spec import BackupSpec
from training.runs.services import run_create_scheduled

TOLD_AGAIN = timedelta(days=30)  # where none has succeeded for so long


def backup_start(*, user: User | None) -> tuple[TrainingRun, bool]:
    """A queued run and True, or the one that is on its way already and False."""
    with transaction.atomic():
        newest = TrainingRun.objects.filter(kind=BackupSpec.kind).order_by("-pk").first()
        if newest and newest.status in ACTIVE:
            return newest, False
        once_key = f"backup after {newest.run_id if newest else 'none'}"  # two clicks at once make one
        run = run_create_scheduled(spec=BackupSpec(), once_key=once_key, user=user)
    return (run, True) if run else (TrainingRun.objects.get(once_key=once_key), False)


def backup_failure_notice() -> None:
    """Tells admins why backups fail, once until one succeeds. Called by the worker command (settings.HOUSEKEEPING)."""
    ended = TrainingRun.objects.filter(kind=BackupSpec.kind, finished_at__isnull=False).order_by("-pk")
    newest = ended.exclude(status=Status.CANCELLED).first()
    if newest is None or newest.status != Status.FAILED:
        return
    since = timezone.now() - TOLD_AGAIN
    succeeded = ended.filter(status=Status.COMPLETED, finished_at__gt=since).values_list("finished_at", flat=True)
    if Notice.objects.filter(kind=NoticeKind.BACKUP, made_at__gte=succeeded.first() or since).exists():
        return
    assert newest.finished_at is not None
    notice_make(NoticeKind.BACKUP, newest.run_id, newest.error, day=newest.finished_at.date())
