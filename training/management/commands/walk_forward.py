"""`manage.py walk_forward`: trains and judges a universe again and again, each time on the days that follow."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared import commands
from training.management.commands.train import figure_lines, refusal, spec_values, universe_options
from training.quant.candle.spec import SpecError
from training.quant.universe.panel import TooLittle
from training.quant.universe.spec import parse_universe_spec
from training.quant.walk_forward.spec import WALK_RANGES, WINDOWS, parse_walk_spec
from training.recipes.walk_forward.folds import walk_forward


class Command(commands.Command):
    help = (
        "Walks a universe forward: each fold is trained on what was known on its first day and judged on the days "
        "that follow; all folds together are judged as one. Keeps no model. Needs stored features (compute_features)."
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

    def work(self, **options: Any) -> commands.Outcome:
        quiet = options["json"]
        try:
            wanted = {name: options[name] for name in ("window", *WALK_RANGES)}
            answer = walk_forward(
                parse_walk_spec(parse_universe_spec(spec_values(options)), wanted),
                tell=lambda progress, text: None if quiet else self._tell(progress, text),
            )
        except SpecError as error:
            raise refusal(error) from error
        except TooLittle as error:
            raise CommandError(str(error)) from None
        columns = {fold["first"]: fold for fold in answer["folds"]} | {"pooled": answer["pooled"]}
        stable = ", ".join(f"{name} {count}" for name, count in answer["stability"].items())
        return commands.Outcome(
            answer,
            [
                *figure_lines(columns),
                f"folds of {len(answer['folds'])} above 0: {stable}",
                answer["verdict"]["sentence"],
            ],
        )

    def _tell(self, progress: float, text: str) -> None:
        self.stderr.write(f"{progress:4.0%}  {text}", style_func=str)
