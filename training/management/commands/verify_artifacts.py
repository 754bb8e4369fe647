"""`manage.py verify_artifacts`: holds the stored files against the database."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared import commands
from training.artifacts.integrity import discard, inventory


class Command(commands.JsonCommand):
    help = (
        "Reads every file of every model and compares its SHA-256; says which are missing, which were changed, and "
        "what lies there that belongs to no run (orphaned); and whether the store is this database's at all. "
        "Exit code 1 when anything is missing or changed, or it is not."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--sweep", action="store_true", help="remove what is orphaned")

    def work(self, **options: Any) -> commands.CommandResult:
        checked = inventory()
        if checked.marker and options["sweep"]:
            raise CommandError(checked.marker)
        if options["sweep"]:
            discard(checked.orphaned)
        word = "removed" if options["sweep"] else "orphaned"
        lines = [f"missing   {path}" for path in checked.missing] + [f"changed   {path}" for path in checked.changed]
        lines += [f"{word:<9} {path}" for path in checked.orphaned]
        counts = f"{len(checked.missing)} missing, {len(checked.changed)} changed, {len(checked.orphaned)} {word}"
        lines.append(f"{checked.files} files of {checked.models} models: {counts}.")
        refused = checked.marker
        if not refused and (checked.missing or checked.changed):
            refused = f"{counts}. Restore these files from a backup, or delete their runs."
        return commands.CommandResult(
            {**checked.as_dict(), "swept": options["sweep"]},
            lines=lines,
            refused=refused,
        )
