"""`manage.py restore`: a backup brought back into an empty home or database."""

import json
import os
import secrets
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from boursomatic.backup.errors import BackupRefused
from boursomatic.backup.manifest import Manifest
from boursomatic.backup.restore import PostgresTarget, Restored, SqliteTarget, Target, restore
from boursomatic.env import ROOT
from boursomatic.shared import commands
from boursomatic.shared.processes import die_with_parent
from training.artifacts.provenance import code_version
from training.artifacts.storage import artifact_storage
from training.management.commands.backup import WITHOUT_SECRET
from training.recipes.backup.site import known_migrations

COUNTED = {
    "users": "auth_user",
    "instruments": "instruments_instrument",
    "bars": "instruments_pricebar",
    "runs": "training_trainingrun",
    "models": "training_modelversion",
    "activations": "training_activation",
    "recommendations": "predictions_recommendation",
}
AFTER_SECRET = (
    "SECRET_KEY came back as {home}/secret_key. Where the environment sets SECRET_KEY, set it to that content."
)


class Command(commands.JsonCommand):
    help = (
        "Brings back what `backup` wrote: checks every file's SHA-256, writes aside, migrates, and compares what came "
        "back with the manifest. Refuses a home or database that is in use or not empty, and a backup of newer code."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("dir", metavar="DIR", type=Path, help="one backup: the folder that has a manifest.json")
        parser.add_argument(
            "--into",
            required=True,
            metavar="HOME|DSN",
            help="an empty or new folder for a backup of SQLite; for one of PostgreSQL an empty database, as "
            "postgres://user@host/name (password by PGPASSWORD or PGPASSFILE), and files go to where "
            "BOURSOMATIC_ARTIFACTS says",
        )

    def work(self, **options: Any) -> commands.CommandResult:
        try:
            target = _target(options["into"])
            restored = restore(
                options["dir"],
                target,
                code_version=code_version(),
                known_migrations=known_migrations(),
                settle=lambda manifest, environment: _settle(options["dir"], manifest, environment),
            )
            checked = json.loads(_process(target.environment, "manage.py", "verify_artifacts", "--json"))
        except BackupRefused as refusal:
            raise CommandError(str(refusal)) from None
        return _result(options["dir"], target, restored, checked)


def _settle(folder: Path, manifest: Manifest, environment: Mapping[str, str]) -> dict[str, Any]:
    about = {name: getattr(manifest, name) for name in ("made_at", "code_version", "deleted_meanwhile")}
    module = "training.management.settle"
    answer: dict[str, Any] = json.loads(_process(environment, "-m", module, folder.absolute().name, json.dumps(about)))
    return answer


def _target(into: str) -> Target:
    if into.startswith(("postgres://", "postgresql://")):
        return PostgresTarget(into, home=settings.HOME, artifacts=artifact_storage().for_backups())
    return SqliteTarget(Path(into))


def _process(environment: Mapping[str, str], *arguments: str) -> str:
    """What one of our own commands prints, in another environment. Raises BackupRefused where it says nothing."""
    secret = {"SECRET_KEY": secrets.token_urlsafe(50)}  # or one would be made and stay in the home
    parent = os.getpid()
    done = subprocess.run(
        [sys.executable, *arguments],
        preexec_fn=lambda: die_with_parent(parent),
        cwd=ROOT,
        env={**os.environ, **secret, "DJANGO_SETTINGS_MODULE": "boursomatic.settings", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BackupRefused(f"The restored database could not be brought up to date: {reason}")
    return done.stdout


def _result(folder: Path, target: Target, restored: Restored, checked: dict[str, Any]) -> commands.CommandResult:
    manifest = restored.manifest
    counts = {
        name: {"backup": manifest.tables.get(table, 0), "restored": restored.counts.get(table, 0)}
        for name, table in COUNTED.items()
    }
    missing = _missing(checked["missing"], manifest)
    wrong = [f"table {table}" for table, rows in manifest.tables.items() if restored.counts.get(table) != rows]
    wrong += [f"file {path}" for path in (*missing, *checked["changed"])]
    secret = AFTER_SECRET.format(home=target.home) if manifest.has_secret else WITHOUT_SECRET
    lines = [f"{name:<16} {both['restored']:>12,} of {both['backup']:,}" for name, both in counts.items()]
    lines += [
        f"{checked['files']:,} files of {checked['models']:,} models: {len(missing)} missing, "
        f"{len(checked['changed'])} changed, {len(checked['orphaned'])} orphaned.",
        f"Backup of {manifest.made_at}, version {manifest.code_version}; {restored.settled['migrations']} migrations "
        f"applied, {restored.settled['requeued']} runs that were under way wait again; nobody is logged in.",
        secret,
    ]
    answer = {
        "folder": str(folder.absolute()),
        "into": str(target.home) if target.vendor == "sqlite" else target.vendor,
        "made_at": manifest.made_at,
        "code_version": manifest.code_version,
        "counts": counts,
        "artifacts": {**checked, "missing": missing},
        **restored.settled,
        "deleted_meanwhile": list(manifest.deleted_meanwhile),
        "secret": secret,
        "seconds": round(restored.seconds, 3),
    }
    refused = f"What came back isn't what the manifest says: {', '.join(wrong[:5])}." if wrong else ""
    return commands.CommandResult(answer, lines, refused)


def _missing(paths: Sequence[str], manifest: Manifest) -> list[str]:
    """Without files of runs that were deleted while the backup was made."""
    return [path for path in paths if path.rpartition("/")[0] not in manifest.deleted_meanwhile]
