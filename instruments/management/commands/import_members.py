"""`manage.py import_members`: who was in a universe, from when to when."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared.commands import CommandResult, JsonCommand
from instruments.imports.membership import LARGEST, NotMembers, members_import, read_members
from instruments.imports.services import BadName

_SHOWN = 20  # bad rows that a person is shown


class Command(JsonCommand):
    help = (
        "Store who was in a universe when, from a CSV with the columns symbol, from and to (dates as 2015-03-31, both "
        "included, empty where open). Instruments that are named get these dates in place of what they had; one bad "
        "row and nothing is stored."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="CSV: symbol,from,to")
        parser.add_argument("--universe", required=True, metavar="NAME", help="made where there is none of that name")

    def work(self, **options: Any) -> CommandResult:
        try:
            report = members_import(name=options["universe"], rows=read_members(_text(options["file"])), user=None)
        except (BadName, NotMembers) as refusal:
            raise CommandError(str(refusal)) from None
        lines = [f"bad: row {p['row']}, {p['symbol']}: {p['reason']}" for p in report.problems[:_SHOWN]]
        lines.append(
            f"{report.universe}: read {report.read} = inserted {report.inserted} + unchanged {report.unchanged} + "
            f"rejected {report.rejected}; {report.removed} earlier ones removed"
        )
        return CommandResult(report.as_dict(), lines, report.refused)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise CommandError(f"{path.name} is larger than {LARGEST:,} bytes.")
        return path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise CommandError(f"{path} can't be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise CommandError(f"{path.name} is no text in UTF-8. Save it as CSV.") from None
