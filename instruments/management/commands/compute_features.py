"""`manage.py compute_features`: fills the store of features from the bars, only where something changed."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared.commands import CommandResult, JsonCommand
from instruments.quant.features.daily import FEATURE_SET, VERSION
from instruments.store.features import features_compute
from instruments.universes import ALL, UnknownUniverse, universe_series


class Command(JsonCommand):
    help = (
        "Compute the features of every daily bar of a universe and store them. Rows that are stored already and equal "
        "are left alone; when it was cut off, start it again and it goes on."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--universe", default=ALL, help="which instruments (default: all, every active one)")

    def work(self, **options: Any) -> CommandResult:
        began = time.monotonic()
        try:
            series = universe_series(options["universe"])
        except UnknownUniverse as error:
            raise CommandError(str(error)) from None
        quiet = options["json"]
        done = features_compute(series=series, on_series=lambda *so_far: None if quiet else self._tell(*so_far))
        result = {
            "feature_set": FEATURE_SET,
            "version": VERSION,
            "instruments": done.instruments,
            "rows": done.rows,
            "written": done.written,
            "seconds": round(time.monotonic() - began, 3),
        }
        line = (
            f"features {FEATURE_SET} {VERSION}: {done.rows} rows of {done.instruments} instruments, "
            f"{done.written} written, {result['seconds']:.1f} s"
        )
        return CommandResult(result, [line])

    def _tell(self, done: int, todo: int, written: int) -> None:
        self.stderr.write(f"{done:>6} of {todo} instruments, {written} rows written", style_func=str)
