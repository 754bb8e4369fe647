"""Prices to start with: five stocks, daily, 2000 to 2013."""

from pathlib import Path
from typing import Any

from boursomatic.shared.commands import CommandResult, JsonCommand
from instruments.imports.services import demo_load

FILE = Path(__file__).resolve().parents[2] / "demo" / "stocks.csv.gz"


class Command(JsonCommand):
    help = (
        "Load daily prices of AAPL, IBM, MSFT, GOOG and FB, 2000 to 2013 (12,154 bars, public domain, see "
        "instruments/demo/ORIGIN.md), and put them into the universe `demo`. Running it again changes nothing."
    )

    def work(self, **options: Any) -> CommandResult:
        report = demo_load(path=FILE)
        symbols = ", ".join(report.instruments) or "nothing"
        lines = [*report.warnings, f"{report.read} daily bars of {symbols}: {report.inserted} new."]
        return CommandResult(report.as_dict(), lines)
