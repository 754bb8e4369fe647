"""This site, as a backup sees it: its database, its files of models, its code."""

from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from boursomatic.accounts.audit import audit
from boursomatic.backup.database import Database
from boursomatic.backup.make import Backup, Site
from boursomatic.backup.postgresql import PostgresDatabase
from boursomatic.backup.sqlite import SqliteDatabase
from training.artifacts.provenance import code_version
from training.artifacts.storage import artifact_storage


def this_site(*, with_secret: bool = False) -> Site:
    return Site(
        database=this_database(),
        artifacts=artifact_storage().for_backups(),
        code_version=code_version(),
        known_migrations=known_migrations(),
        closed_to_backups=(settings.ARTIFACT_ROOT, settings.COLUMNS_ROOT, settings.STATIC_ROOT),
        secret=settings.SECRET_KEY if with_secret else "",
    )


def audit_backup(backup: Backup, user: User | None) -> None:
    """Enters it as made."""
    audit(user, "backup.make", backup.folder.name, bytes=backup.manifest.size, sha256=backup.sha256)


def this_database() -> Database:
    config = connection.settings_dict
    return (
        SqliteDatabase(Path(config["NAME"])) if connection.vendor == "sqlite" else PostgresDatabase.of_settings(config)
    )


def known_migrations() -> frozenset[tuple[str, str]]:
    """(app, name) of each that the code has."""
    return frozenset(MigrationLoader(None).disk_migrations or ())
