"""`manage.py verify_run RUN`: trains a finished run again from what is stored and says whether anything differs."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared import commands
from training.models import Status, TrainingRun
from training.recipes.kinds import kind_about, label_of
from training.recipes.universe_verify.execute import universe_verification
from training.recipes.verification.execute import verification


class Command(commands.JsonCommand):
    help = (
        "Trains a completed run of a candle or a universe, or a walk-forward, again from what is stored, and once more "
        "without the bars that came after. Says bit-identical, or which of data, code version, library versions or "
        "parameters differs (exit code 1)."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument("run_id", help="as the runs page shows it")

    def work(self, **options: Any) -> commands.CommandResult:
        rows = TrainingRun.objects.existing().select_related("series__instrument")
        run = rows.filter(run_id=options["run_id"]).first()
        if run is None:
            raise CommandError(f"There is no run {options['run_id']}. The runs page lists what there is.")
        if kind_about("verify", run.kind) is None:
            raise CommandError(
                f"Run {run.run_id} is a {label_of(run.kind).lower()} run; runs of candles and universes and "
                "walk-forwards can be verified."
            )
        if run.status != Status.COMPLETED:
            raise CommandError(f"Run {run.run_id} is {run.status}: only a completed run can be verified.")
        verify = universe_verification if run.universe else verification
        verified = verify(run, lambda *_: None)
        is_sound = verified["identical"] and verified["truncation_identical"]
        return commands.CommandResult(
            {"run_id": run.run_id, **verified},
            lines=[verified["sentence"]] if is_sound else [],
            refused="" if is_sound else verified["sentence"],
        )
