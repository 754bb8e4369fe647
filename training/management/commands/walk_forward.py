"""`manage.py walk_forward`: trains and judges a universe again and again, each time on the days that follow."""

from argparse import ArgumentParser
from typing import Any

from boursomatic.shared import commands
from training.management.commands.train import figure_lines, refusal, spec_values, universe_options
from training.models import Status, TrainingRun
from training.quant.candle.spec import SpecError
from training.quant.universe.spec import parse_universe_spec
from training.quant.walk_forward.spec import WALK_RANGES, WINDOWS, parse_walk_spec
from training.runs.as_json import run_json
from training.worker import foreground


class Command(commands.JsonCommand):
    help = (
        "Walks a universe forward: each fold is trained on what was known on its first day and judged on the days "
        "that follow; all folds together are judged as one. Keeps no model; recorded like any other run. Needs stored "
        "features (compute_features)."
    )

    def options(self, parser: ArgumentParser) -> None:
        universe_options(parser)
        for r in WALK_RANGES.values():
            unit = f", in {r.unit}" if r.unit else ""
            about = f"{r.label}{unit}, {r.low:g} to {r.high:g} (default: {r.default:g})"
            parser.add_argument(f"--{r.name}", type=int, default=int(r.default), help=about)
        parser.add_argument(
            "--window",
            choices=WINDOWS,
            default=WINDOWS[0],
            help="expanding: train on all days before (default); rolling: on as many as the first fold has",
        )

    def work(self, **options: Any) -> commands.CommandResult:
        walk_options = {name: options[name] for name in ("window", *WALK_RANGES)}
        try:
            walk = parse_walk_spec(parse_universe_spec(spec_values(options)), walk_options)
            family = foreground.create_claimed(walk)
        except SpecError as error:
            raise refusal(error) from error
        outcome = foreground.execute_family(family, None if options["json"] else self._tell, jobs=options["jobs"])
        run = TrainingRun.objects.select_related("created_by").get(pk=family[-1].pk)
        answer = run_json(run)
        if run.status != Status.COMPLETED:
            why = run.error or outcome.sentence or f"The run ended {run.status}."
            return commands.CommandResult(answer, refused=f"Run {run.run_id}: {why}")
        columns = {fold["first"]: fold for fold in answer["folds"]} | {"pooled": answer["pooled"]}
        stable = ", ".join(f"{name} {count}" for name, count in answer["stability"].items())
        return commands.CommandResult(
            answer,
            [
                *figure_lines(columns),
                f"folds of {len(answer['folds'])} above 0: {stable}",
                answer["verdict"]["sentence"],
            ],
        )

    def _tell(self, stage: str, progress: float, message: str) -> None:
        self.stderr.write(f"{progress:4.0%}  {stage:<9} {message}", style_func=str)
