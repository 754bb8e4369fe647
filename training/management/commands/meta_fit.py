"""`manage.py meta_fit`: brings the meta-predictor up to date, in the foreground."""

from typing import Any

from boursomatic.shared import commands
from training.models import Status, TrainingRun
from training.recipes.meta_fit.spec import MetaFitSpec
from training.worker import foreground


class Command(commands.JsonCommand):
    help = (
        "Learns from the search trials of all completed studies which settings suit a market, and holds what would "
        "have been suggested against steady on candles that nobody had seen. Looks at all of it once a month at most."
    )

    def work(self, **options: Any) -> commands.CommandResult:
        family = foreground.create_claimed(MetaFitSpec())
        outcome = foreground.execute_family(family, None if options["json"] else self._tell)
        run = TrainingRun.objects.get(pk=family[-1].pk)
        answer = {"run_id": run.run_id, "status": str(run.status), **run.result}
        if run.status != Status.COMPLETED:
            why = run.error or outcome.sentence or f"The run ended {run.status}."
            return commands.CommandResult(answer, refused=f"Run {run.run_id}: {why}")
        return commands.CommandResult(answer, lines=[run.result["sentence"], f"Run {run.run_id}"])

    def _tell(self, stage: str, progress: float, message: str) -> None:
        self.stderr.write(f"{progress:4.0%}  {stage:<9} {message}", style_func=str)
