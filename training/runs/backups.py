"""Backups that admins start: one at a time."""

from django.contrib.auth.models import User
from django.db import transaction

from training.models import ACTIVE, TrainingRun
from training.recipes.backup.spec import BackupSpec
from training.runs.services import run_create_scheduled


def backup_start(*, user: User | None) -> tuple[TrainingRun, bool]:
    """A queued run and True, or the one that is on its way already and False."""
    with transaction.atomic():
        newest = TrainingRun.objects.filter(kind=BackupSpec.kind).order_by("-pk").first()
        if newest and newest.status in ACTIVE:
            return newest, False
        once_key = f"backup after {newest.run_id if newest else 'none'}"  # two clicks at once make one
        run = run_create_scheduled(spec=BackupSpec(), once_key=once_key, user=user)
    return (run, True) if run else (TrainingRun.objects.get(once_key=once_key), False)
