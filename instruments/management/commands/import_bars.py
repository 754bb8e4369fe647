"""Bars from files, or from other databases' tables."""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from boursomatic.accounts.audit import audit
from boursomatic.shared.commands import CommandResult, JsonCommand
from instruments.imports.report import REJECT, SKIP, Report
from instruments.imports.services import BadName, file_import, table_import, universe_name_check
from instruments.models import Timeframe
from instruments.quant.ingest.checks import SPELLED
from instruments.quant.ingest.headers import NotBars
from instruments.sources.database import read_tables

_SHOWN = 20  # problems and warnings that a person is shown; --json has them all


def _symbol(text: str) -> str:
    if not SPELLED.fullmatch(text):
        raise ArgumentTypeError("up to 32 letters, digits and . ^ = - _ /")
    return text


class Command(JsonCommand):
    help = (
        "Store bars from CSV, CSV.gz or Parquet files, or from tables of another database. Prices are taken as they "
        "are, times as UTC; bars that are stored already and equal are left alone."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="CSV, CSV.gz or Parquet")
        parser.add_argument(
            "--symbol", type=_symbol, help="the instrument (default: symbol or ticker column, else a name as SPY.csv)"
        )
        parser.add_argument(
            "--timeframe", choices=Timeframe.values, help="spacing of the bars (default: told by their times)"
        )
        parser.add_argument("--source", metavar="NAME", help="where the bars come from (default: the file's name)")
        parser.add_argument(
            "--on-bad",
            choices=[REJECT, SKIP],
            default=REJECT,
            help="reject: a bad row and nothing of its file is stored (default); skip: store the good rows",
        )
        parser.add_argument("--universe", metavar="NAME", help="put what is imported into this set of instruments")
        parser.add_argument(
            "--from-database", metavar="DSN", help="postgres://user:password@host:port/name or sqlite:///path"
        )
        parser.add_argument(
            "--table",
            nargs="+",
            action="extend",
            default=[],
            metavar="SCHEMA.TABLE",
            help="tables to merge; where they disagree a later one wins",
        )

    def work(self, **options: Any) -> CommandResult:
        if bool(options["files"]) == bool(options["from_database"]):
            raise CommandError("Name files, or --from-database with --table.", returncode=2)
        if bool(options["from_database"]) != bool(options["table"]):
            raise CommandError("--from-database and --table go together.", returncode=2)
        try:
            universe = universe_name_check(options["universe"]) if options["universe"] else ""
        except BadName as error:
            raise CommandError(str(error)) from None
        if options["from_database"]:
            report = _from_database(options, universe)
        else:
            report = Report()
            chosen = {name: options[name] for name in ("symbol", "timeframe", "source", "on_bad")}
            for path in options["files"]:
                report.add(file_import(path=path, universe=universe, **chosen))
        source = ", ".join(options["table"] or (Path(path).name for path in options["files"]))
        audit(None, "bars.import", source, via="import_bars", inserted=report.inserted, updated=report.updated)
        return CommandResult(report.as_dict(), _lines(report), "\n".join([*report.refused, *_hints(report)]))


def _from_database(options: dict[str, Any], universe: str) -> Report:
    tables: list[str] = options["table"]
    name = ", ".join(tables)
    try:
        table = read_tables(options["from_database"], tables, options["symbol"])
    except NotBars as reason:
        report = Report()
        report.refuse(name, reason)
        return report
    return table_import(
        table=table,
        name=name,
        symbol=options["symbol"],
        timeframe=options["timeframe"],
        source=options["source"] or name,
        on_bad=options["on_bad"],
        universe=universe,
    )


def _hints(report: Report) -> list[str]:
    """The options that would help."""
    hints = [f"--{name} names the {name}." for name in sorted(report.asks & {"symbol", "timeframe"})]
    if report.refused and any(problem["row"] is not None for problem in report.problems):
        hints.append("--on-bad skip stores the good rows.")
    return hints


def _lines(report: Report) -> list[str]:
    lines = [
        f"{symbol} {known['timeframe']}: {known['rows']} bars, {known['first'][:10]} to {known['last'][:10]}"
        for symbol, known in list(report.instruments.items())[:_SHOWN]
    ]
    lines += _more(len(report.instruments), "instruments")
    for problem in report.problems[:_SHOWN]:
        if problem["row"] is not None:
            lines.append(
                f"bad: {problem['file']} line {problem['row']}, {problem['symbol']} {problem['timestamp']}: "
                f"{problem['reason']}"
            )
    lines += _more(len(report.problems) + report.problems_omitted, "bad rows: --json lists them")
    lines += [f"note: {text}" for text in report.warnings[:_SHOWN]]
    lines += _more(len(report.warnings), "notes")
    lines.append(
        f"read {report.read} = inserted {report.inserted} + updated {report.updated} + unchanged {report.unchanged} "
        f"+ rejected {report.rejected} + duplicates {report.duplicates}"
    )
    if report.overruled:
        lines.append(f"{report.overruled} rows of earlier tables were overruled by later ones (counted as rejected)")
    return lines


def _more(count: int, what: str) -> list[str]:
    return [f"… and {count - _SHOWN} more {what}"] if count > _SHOWN else []
