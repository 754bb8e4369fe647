"""`manage.py import_actions`: splits and dividends from a file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from boursomatic.shared.commands import CommandResult, JsonCommand
from instruments.imports.action_report import ActionReport
from instruments.imports.actions import actions_file_import
from instruments.imports.report import REJECT, SKIP
from instruments.models import Basis, Timeframe

_SHOWN = 20


class Command(JsonCommand):
    help = (
        "Store splits and dividends from a file with the columns symbol, ex_day, kind (split, dividend) and ratio (new "
        "shares for one old) or amount (cash a share, as it was paid). What is stored already and equal is left alone."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE", help="CSV, CSV.gz or Parquet")
        parser.add_argument(
            "--timeframe", choices=Timeframe.values, help="of these bars alone (default: all of the instrument)"
        )
        parser.add_argument("--source", metavar="NAME", default="", help="who says so (default: the file's name)")
        parser.add_argument(
            "--on-bad",
            choices=[REJECT, SKIP],
            default=REJECT,
            help="reject: a bad row and nothing is stored (default); skip: store the good rows",
        )
        parser.add_argument(
            "--basis",
            choices=Basis.values,
            default="",
            help="say what prices of these instruments are: as_traded: as they were traded, adjusted by their actions; "
            "vendor: adjusted by their source's adjusted closes (default: as it is)",
        )

    def work(self, **options: Any) -> CommandResult:
        chosen = {name: options[name] for name in ("timeframe", "source", "on_bad", "basis")}
        report = actions_file_import(path=options["file"], user=None, **chosen)
        return CommandResult(report.as_dict(), _lines(report), report.refused)


def _lines(report: ActionReport) -> list[str]:
    lines = [str(change) for change in report.changes[:_SHOWN]]
    if len(report.changes) > _SHOWN:
        lines.append(f"… and {len(report.changes) - _SHOWN} more changes")
    lines += [
        f"bad: {problem['file']} line {problem['row']}, {problem['symbol']} {problem['ex_day']}: {problem['reason']}"
        for problem in report.problems[:_SHOWN]
        if problem["row"] is not None
    ]
    lines += [f"note: {text}" for text in report.warnings]
    return [
        *lines,
        f"read {report.read} = inserted {report.inserted} + updated {report.updated} + unchanged {report.unchanged} "
        f"+ rejected {report.rejected} + duplicates {report.duplicates}",
    ]
