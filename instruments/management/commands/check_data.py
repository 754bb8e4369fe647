"""`manage.py check_data`: looks for bars that are missing, wrong or out of scale."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared.commands import CommandResult, JsonCommand
from instruments.health.as_json import findings_json
from instruments.health.services import series_check
from instruments.models import PRESENT, Finding, Series
from instruments.universes import ALL, UnknownUniverse, universe_series

_SHOWN = 50  # findings told to a person


class Command(JsonCommand):
    help = (
        "Check stored bars: missing sessions, splits that were not applied, slips, outliers, frozen bars and more. "
        "What is found is kept with its state; the JSON has all that is open or acknowledged."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--universe", default=ALL, help="which instruments (default: all, every active one)")
        parser.add_argument("--symbol", help="this instrument alone")

    def work(self, **options: Any) -> CommandResult:
        began = time.monotonic()
        pks = _series(options["universe"], options["symbol"])
        checked = series_check(pks=pks)
        present = Finding.objects.filter(state__in=PRESENT).select_related("series__instrument", "user")
        findings = list(present.filter(series__in=pks).order_by("rank", "series__instrument__symbol", "first"))
        if options["universe"] == ALL and not options["symbol"]:
            findings += present.filter(series=None).order_by("calendar", "first")
        result = {
            "series": checked.series,
            "findings": findings_json(findings),
            "seconds": round(time.monotonic() - began, 3),
        }
        lines = [_line(finding) for finding in findings[:_SHOWN]]
        if len(findings) > _SHOWN:
            lines.append(f"and {len(findings) - _SHOWN:,} more")
        lines.append(
            f"{checked.series:,} series, {len(findings):,} findings, {checked.changes.new:,} of them new, "
            f"{checked.changes.gone:,} gone; {result['seconds']:.1f} s"
        )
        return CommandResult(result, [*lines, checked.problem] if checked.problem else lines)


def _series(universe: str, symbol: str | None) -> list[int]:
    """Keys of the series with bars, of every timeframe."""
    if symbol is not None:
        pks = list(Series.objects.filter(instrument__symbol=symbol, rows__gt=0).values_list("pk", flat=True))
        if not pks:
            raise CommandError(f"No bars of {symbol} are stored. `manage.py import_bars` loads some.")
        return pks
    try:
        daily = universe_series(universe)
    except UnknownUniverse as error:
        raise CommandError(str(error)) from None
    instruments = [series.instrument_id for series in daily]
    return list(
        Series.objects.filter(instrument__in=instruments, rows__gt=0).order_by("pk").values_list("pk", flat=True)
    )


def _line(finding: Finding) -> str:
    about = finding.series.instrument.symbol if finding.series else finding.calendar
    return f"{finding.severity:<5} {about:<12} {finding.first:%Y-%m-%d} {finding.check_name}: {finding.text}"
