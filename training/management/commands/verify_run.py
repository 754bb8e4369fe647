"""`manage.py verify_run RUN`: trains a finished run again from what is stored and says whether anything differs."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared import commands
from training.models import Status, TrainingRun
from training.recipes.kinds import label_of
from training.recipes.verification.execute import verification


class Command(commands.JsonCommand):
    help = (
        "Trains a completed candle run again from what is stored, and once more without any bar after its decision. "
        "Says bit-identical, or which of data, code version, library versions or parameters differs (exit code 1)."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("run_id", help="as the runs page shows it")

    def work(self, **options: Any) -> commands.CommandResult:
        rows = TrainingRun.objects.existing().select_related("series__instrument")
        run = rows.filter(run_id=options["run_id"]).first()
        if run is None:
            raise CommandError(f"There is no candle run {options['run_id']}. The runs page lists what there is.")
        if run.series is None or run.subject is not None:
            raise CommandError(
                f"Run {run.run_id} is a {label_of(run.kind).lower()} run; only candle runs can be verified."
            )
        if run.status != Status.COMPLETED:
            raise CommandError(f"Run {run.run_id} is {run.status}: only a completed run can be verified.")
        verified = verification(run, lambda *_: None)
        is_sound = verified["identical"] and verified["truncation_identical"]
        return commands.CommandResult(
            {"run_id": run.run_id, **verified},
            lines=[verified["sentence"]] if is_sound else [],
            refused="" if is_sound else verified["sentence"],
        )
