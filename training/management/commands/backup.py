"""`manage.py backup`: the whole site copied into a folder, while it works."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, transaction

from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.make import Backup, backup_make
from boursomatic.shared import commands
from training.recipes.backup.site import audit_backup, this_site

WITHOUT_SECRET = (
    "It is without SECRET_KEY. Restored under another one, the keys of sources can't be opened and are to be entered "
    "again, and links to choose a password no longer work. Keep SECRET_KEY apart, or back up with --with-secret."
)
WITH_SECRET = "SECRET_KEY is in it: whoever reads this backup can log in as anybody and open the keys of sources."

NOT_AUDITED = "It is not in the audit: the database is not migrated to this code yet."
_OF_BEFORE = ("42P01", "42703")  # PostgreSQL: no such table, no such column
_OF_BEFORE_SQLITE = ("no such table", "has no column named")


class Command(commands.JsonCommand):
    help = (
        "Copies database and files of models into a new folder of DIR, named by the moment (UTC), with a manifest that "
        "has every file's SHA-256. Others go on working meanwhile. Files that the backup before has are shared with it."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("dir", metavar="DIR", type=Path, help="folder of the backups; made where it is missing")
        parser.add_argument(
            "--keep",
            type=int,
            metavar="N",
            help="once it is whole, remove all but the newest N backups (default: none)",
        )
        parser.add_argument(
            "--with-secret",
            action="store_true",
            help="put SECRET_KEY into it, without which the keys of sources can't be opened",
        )

    def work(self, **options: Any) -> commands.CommandResult:
        if options["keep"] is not None and options["keep"] < 1:
            raise CommandError("--keep: the number of backups that stay must be 1 or more.")
        site = this_site(with_secret=options["with_secret"])
        try:
            backup = backup_make(site, options["dir"], keep=options["keep"])
        except BackupRefused as refusal:
            raise CommandError(str(refusal)) from None
        is_audited = _is_audited(backup)
        manifest, secret = backup.manifest, WITH_SECRET if options["with_secret"] else WITHOUT_SECRET
        lines = [
            f"{backup.folder}: database {backup.database_bytes / 1e6:,.1f} MB, {len(manifest.artifacts):,} files of "
            f"models ({backup.linked:,} shared with the backup before), {backup.seconds:.1f} s.",
            *(f"Deleted while it was made: {folder}" for folder in manifest.deleted_meanwhile),
            *(f"Removed: {name}" for name in backup.removed),
            *(f"Not removed: {name} ({why})" for name, why in backup.stayed.items()),
            *([backup.advice] if backup.advice else []),
            *([] if is_audited else [NOT_AUDITED]),
            secret,
        ]
        return commands.CommandResult(
            {
                "folder": str(backup.folder),
                "database_bytes": backup.database_bytes,
                "artifacts": len(manifest.artifacts),
                "sha256": backup.sha256,
                "seconds": round(backup.seconds, 3),
                "linked": backup.linked,
                "removed": list(backup.removed),
                "not_removed": dict(backup.stayed),
                "deleted_meanwhile": list(manifest.deleted_meanwhile),
                "secret": secret,
            },
            lines,
        )


def _is_audited(backup: Backup) -> bool:
    """Not where the database is of before this code, as one is that is backed up before an update."""
    try:
        with transaction.atomic():
            audit_backup(backup, None)
    except DatabaseError as problem:
        code = getattr(problem.__cause__, "pgcode", None)
        if code in _OF_BEFORE or any(words in str(problem) for words in _OF_BEFORE_SQLITE):
            return False
        first = str(problem).strip().splitlines()[0]
        raise CommandError(f"{backup.folder} is whole, but could not be entered in the audit: {first}.") from problem
    return True
