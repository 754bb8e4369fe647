"""What the page of backups shows, and when a backup is overdue."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from boursomatic.backup.generations import Generation, newest_of, read_folder
from training.models import ACTIVE, Status, TrainingRun
from training.recipes.backup.spec import BackupSpec

RESTORE = "python manage.py restore {folder} --into {into}"
OVERDUE = timedelta(days=2)
AHEAD = timedelta(minutes=10)  # of the clock of another host, at most
GRACE = timedelta(days=7)  # a site so young has little to lose, and its people other things to do first


def backup_runs() -> Any:
    """Newest first."""
    return TrainingRun.objects.existing().filter(kind=BackupSpec.kind).newest_first()


def backups_context() -> dict[str, Any]:
    whole, unreadable = read_folder(settings.BACKUPS)
    active = backup_runs().filter(status__in=ACTIVE).first()
    newest_end = backup_runs().exclude(status__in=ACTIVE).first()
    folder = whole[0].folder if whole else settings.BACKUPS / "NAME"
    into = "HOME" if connection.vendor == "sqlite" else "postgres://USER@HOST/NAME"
    return {
        "generations": whole,
        "unreadable": unreadable,
        "folder": settings.BACKUPS,
        "keep": settings.BACKUPS_KEEP,
        "on_same_disk": settings.BACKUPS.is_relative_to(settings.HOME),
        "overdue": _overdue(whole[0]) if whole else "",
        "active": active,
        "failed": newest_end if newest_end and newest_end.status == Status.FAILED else None,
        "restore_command": RESTORE.format(folder=folder, into=into),
        "is_sqlite": connection.vendor == "sqlite",
    }


def overdue_backup() -> str:
    """What to tell an admin elsewhere; empty where the newest is recent, or there is none yet and the site is young."""
    if newest := newest_of(settings.BACKUPS):
        return _overdue(newest)
    first = TrainingRun.objects.order_by("pk").values_list("created_at", flat=True).first()
    return "There is no backup of this site yet." if first and timezone.now() - first > GRACE else ""


def _overdue(newest: Generation) -> str:
    age = timezone.now() - newest.made_at
    if age < -AHEAD:
        return "The newest backup was made while a clock was ahead, so its age is unknown. Make another one."
    return f"The newest backup is {age / timedelta(days=1):.0f} days old." if age > OVERDUE else ""
