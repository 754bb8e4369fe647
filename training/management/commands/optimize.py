"""`manage.py optimize`: looks for better settings for a candle run, then trains it, both in the foreground."""

from argparse import ArgumentParser
from typing import Any

from boursomatic.shared import commands
from training.management.commands.train_poc import candle_body, candle_options, create_claimed, option
from training.models import Status, TrainingRun
from training.recipes.study.as_json import study_json
from training.recipes.study.spec import SPACE, STUDY_RANGES, parse_study_spec
from training.runs.as_json import run_json
from training.worker import foreground


class Command(commands.JsonCommand):
    help = (
        "Looks for better settings in what lies before the windows that confirm a run, then trains with what was "
        "taken: yours, unless something is clearly better. Runs that must repeat set --trials, not --seconds."
    )

    def options(self, parser: ArgumentParser) -> None:
        candle_options(parser)
        for name, r in STUDY_RANGES.items():
            unit = f" in {r.unit}" if r.unit else ""
            bounds = f"{r.label.lower()}{unit}, {r.low:g} to {r.high:g}"
            unset = f"{r.default:g}; none with --trials" if name == "seconds" else f"{r.default:g}"
            option(parser, name, type=int, help=f"{bounds} (default: {unset})")
        option(parser, "space", nargs="+", choices=SPACE, help="parameters to search (default: all of them)")
        option(
            parser, "rotated", action="store_true", help="on labels rotated in time: what luck finds; trains nothing"
        )
        option(parser, "no_train", action="store_true", help="search only, and start no run")

    def work(self, **options: Any) -> commands.CommandResult:
        body = candle_body(options) | {"then_train": not options["no_train"], "rotated": options["rotated"]}
        body |= {name: options[name] for name in (*STUDY_RANGES, "space") if options[name] is not None}
        family = create_claimed(parse_study_spec, body)
        outcome = foreground.execute_family(family, None if options["json"] else self._tell)
        study = TrainingRun.objects.get(pk=family[-1].pk)
        answer = study_json(study)
        if study.status != Status.COMPLETED:
            why = study.error or outcome.sentence or f"The study ended {study.status}."
            return commands.CommandResult(answer, refused=f"Study {study.run_id}: {why}")
        lines = [answer["sentence"]]
        if answer["run_id"]:
            runs = TrainingRun.objects.select_related("series__instrument", "created_by")
            run = runs.get(run_id=answer["run_id"])
            if run.status != Status.COMPLETED:
                why = run.error or outcome.sentence or f"The run ended {run.status}."
                return commands.CommandResult(answer, lines, refused=f"Run {run.run_id}: {why}")
            lines += [run_json(run)["verdict"]["sentence"], f"Run {run.run_id}"]
        return commands.CommandResult(answer, [*lines, f"Study {study.run_id}"])

    def _tell(self, stage: str, progress: float, message: str) -> None:
        self.stderr.write(f"{progress:4.0%}  {stage:<9} {message}", style_func=str)
