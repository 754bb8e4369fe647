"""`manage.py refresh_bars`: asks sources for what is new, in the foreground."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared import commands
from training.models import Status, TrainingRun
from training.quant.candle.spec import SpecError
from training.recipes.refresh.spec import FIELDS, parse_refresh_request
from training.runs.refreshes import active_refresh
from training.worker import foreground


class Command(commands.JsonCommand):
    help = (
        "Asks sources for the bars that have come since the last ones, stores those that are final, and those that the "
        "source has rewritten. What is stored stays when it is ended; start it again and it goes on."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--source", help="by its name (default: each that is on, for what it serves already)")
        parser.add_argument("--universe", help="which instruments (default: all, every active one)")
        parser.add_argument("--symbols", nargs="+", metavar="S", help="these instead, also such as have no bars yet")
        parser.add_argument("--since", metavar="DATE", help="first day of series without bars (default: 20 years ago)")
        parser.add_argument("--first", metavar="DATE", help="with --last: bars of these days alone, of --symbols")
        parser.add_argument("--last", metavar="DATE", help="the last of these days (default: up to now)")

    def work(self, **options: Any) -> commands.CommandResult:
        try:
            spec = parse_refresh_request({name: options[name] for name in FIELDS})
            if active := active_refresh(spec.source):
                raise CommandError(f"Run {active.run_id} is asking already. It goes on by itself where a worker runs.")
            family = foreground.create_claimed(spec)
        except SpecError as error:
            reasons = (f"{name}: {' '.join(messages)}" for name, messages in error.errors.items())
            raise CommandError("; ".join(reasons)) from error
        outcome = foreground.execute_family(family, None if options["json"] else self._tell)
        run = TrainingRun.objects.get(pk=family[-1].pk)
        if run.status != Status.COMPLETED:
            why = run.error or outcome.sentence or f"The run ended {run.status}."
            return commands.CommandResult({"run_id": run.run_id, "error": why}, refused=f"Run {run.run_id}: {why}")
        lines = [f"{symbol}: {why}" for source in run.result["sources"] for symbol, why in source["failed"].items()]
        return commands.CommandResult({"run_id": run.run_id, **run.result}, [*lines, run.result["sentence"]])

    def _tell(self, stage: str, progress: float, message: str) -> None:
        self.stderr.write(f"{progress:4.0%}  {stage:<9} {message}", style_func=str)
