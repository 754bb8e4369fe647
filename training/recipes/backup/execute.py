"""A backup made by a worker, into the folder of the settings."""

from django.conf import settings

from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.make import backup_make
from boursomatic.shared.records import to_json
from training.errors import RunRefused
from training.models import Reason
from training.recipes.backup.schema import BackupResult
from training.recipes.backup.site import audit_backup, this_site
from training.recipes.base import Completed, Work


def execute(work: Work) -> Completed:
    """Raises RunRefused with what is amiss."""

    def tell(share: float, stage: str) -> None:
        work.progress.within(0.02 + 0.96 * share, stage)

    work.progress.stage("backup", 0.02, "database")
    try:
        backup = backup_make(this_site(), settings.BACKUPS, keep=settings.BACKUPS_KEEP, tell=tell)
    except BackupRefused as refusal:
        raise RunRefused(Reason.BACKUP, str(refusal)) from refusal
    audit_backup(backup, work.run.created_by)
    size, count = backup.manifest.size, len(backup.manifest.artifacts)
    result = BackupResult(
        sentence=f"{backup.folder.name}: {size / 1e6:,.1f} MB, {count:,} files of models. {backup.advice}".rstrip(),
        name=backup.folder.name,
        sha256=backup.sha256,
        bytes=size,
        files=count,
        linked=backup.linked,
        removed=list(backup.removed),
    )
    return Completed(result=to_json(result))
