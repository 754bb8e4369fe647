"""`manage.py walk_forward`: trains and judges a universe again and again, each time on the days that follow."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError

from boursomatic import commands
from training.management.commands.train import figure_lines, refusal, spec_values, universe_options
from training.quant.panel import TooLittle
from training.quant.spec import SpecError
from training.quant.universe_spec import parse_universe_spec
from training.quant.universe_walk import WINDOWS
from training.walking import walk_forward


def _count(low: int, high: int) -> Any:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ArgumentTypeError(f"a whole number from {low} to {high}")
        return int(text)

    return read


class Command(commands.Command):
    help = (
        "Walks a universe forward: each fold is trained on what was known on its first day and judged on the days "
        "that follow; all folds together are judged as one. Keeps no model. Needs stored features (compute_features)."
    )

    def options(self, parser: ArgumentParser) -> None:
        universe_options(parser)
        parser.add_argument("--folds", type=_count(1, 100), default=5, help="how many, 1 to 100 (default: 5)")
        parser.add_argument(
            "--step", type=_count(5, 500), default=60, help="trading days a fold, 5 to 500 (default: 60)"
        )
        parser.add_argument(
            "--window",
            choices=WINDOWS,
            default=WINDOWS[0],
            help="expanding: train on all days before (default); rolling: on as many as the first fold has",
        )

    def work(self, **options: Any) -> commands.Outcome:
        quiet = options["json"]
        try:
            answer = walk_forward(
                spec=parse_universe_spec(spec_values(options)),
                folds=options["folds"],
                step=options["step"],
                window=options["window"],
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
