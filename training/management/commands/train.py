"""`manage.py train`: trains a universe in the foreground, recorded like any other run."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared import commands
from training.artifacts.storage import artifact_storage, folder_of
from training.models import Status, TrainingRun
from training.quant.candle.spec import SpecError
from training.quant.universe.spec import RECIPES, SCORES, SHARES, UNIVERSE_RANGES, parse_universe_spec
from training.runs.as_json import run_json
from training.worker import foreground

MOST_JOBS = 64
FIGURES = (
    "rows", "buys", "precision_buy", "precision_buy_positive", "base_rate_buy", "accuracy", "rmse", "mae", "r2",
    "rank_ic", "sharpe", "excess_sharpe", "max_drawdown", "total_return", "turnover", "exposure", "benchmark_sharpe",
    "benchmark_max_drawdown",
)  # fmt: skip
BAR = 20  # characters of the progress bar


def universe_options(parser: ArgumentParser) -> None:
    """Options that commands on universes share."""
    parser.add_argument("--universe", default="all", help="which instruments (default: all, every active one)")
    parser.add_argument("--as-of", metavar="DATE", help="train as if this day were the last (default: the last bar)")
    parser.add_argument(
        "--recipe",
        choices=RECIPES,
        default=RECIPES[0],
        help="honest: each feature weighed by how it ranked before (default); phase22: the original's trees",
    )
    parser.add_argument("--score", choices=SCORES, help="of honest: which is the model of record (default: composite)")
    for r in UNIVERSE_RANGES.values():
        unit = " (a fraction: 0.05 is 5 %%)" if r.name in SHARES else f", in {r.unit}"
        parser.add_argument(
            f"--{r.name.replace('_', '-')}",
            type=int if r.whole else float,
            default=r.default,
            help=f"{r.label}{unit}, {r.low:g} to {r.high:g} (default: {r.default:g})",
        )
    parser.add_argument(
        "--jobs",
        type=int,
        choices=range(1, MOST_JOBS + 1),
        metavar=f"1…{MOST_JOBS}",
        default=min(MOST_JOBS, len(os.sched_getaffinity(0))),
        help="processes that work folds side by side (default: one a core)",
    )


def spec_values(options: dict[str, Any]) -> dict[str, Any]:
    """What `universe_options` were given, in the API's words."""
    given = {name: options[name] for name in ("universe", "as_of", "recipe", *UNIVERSE_RANGES)}
    return given | ({"score": options["score"]} if options["score"] else {})


def refusal(error: SpecError) -> CommandError:
    return CommandError("; ".join(f"{name}: {' '.join(said)}" for name, said in error.errors.items()))


class Command(commands.JsonCommand):
    help = (
        "Trains BUY / HOLD / SELL and the expected return over a universe, judges both on its last days, keeps the "
        "models, and walks forward for the verdict."
    )

    def options(self, parser: ArgumentParser) -> None:
        universe_options(parser)
        parser.add_argument(
            "--artifacts-dir", default="", help="folder for a copy of the run's files, under its run id"
        )
        parser.add_argument(
            "--no-refit", action="store_true", help="deploy the tested model as it is (no final refit on all data)"
        )
        parser.add_argument(
            "--no-confirm",
            action="store_true",
            help="no walk-forward after it, and so no verdict; doesn't wait for one",
        )

    def work(self, **options: Any) -> commands.CommandResult:
        target = Path(options["artifacts_dir"]).expanduser() if options["artifacts_dir"] else None
        if target and target.exists() and not target.is_dir():
            raise CommandError(f"--artifacts-dir {target} is a file. Name a folder.")
        try:
            switches = {"refit": not options["no_refit"], "confirm": not options["no_confirm"]}
            spec = parse_universe_spec(spec_values(options) | switches)
            family = foreground.create_claimed(spec)
        except SpecError as error:
            raise refusal(error) from error
        outcome = foreground.execute_family(family, None if options["json"] else self._tell, jobs=options["jobs"])
        run = TrainingRun.objects.select_related("created_by").get(pk=family[-1].pk)
        answer = run_json(run)
        if run.status != Status.COMPLETED:
            why = run.error or outcome.sentence or f"The run ended {run.status}."
            return commands.CommandResult(answer, refused=f"Run {run.run_id}: {why}")
        storage, folder = artifact_storage(), folder_of(run)
        if target:
            storage.copy_to(folder, target / run.run_id)
        place = str(target / run.run_id) if target else storage.name_of(folder)
        return commands.CommandResult(answer, lines=summary(answer, place))

    def _tell(self, stage: str, progress: float, message: str) -> None:
        bar = "#" * round(BAR * progress)
        self.stderr.write(f"[{bar:<{BAR}}] {progress:4.0%}  {stage:<9} {message}", style_func=str)


def figure_lines(columns: dict[str, dict[str, Any]]) -> list[str]:
    """A table of M: a line for each figure, a column for each part."""
    lines = [f"{'':<24}" + "".join(f"{name:>12}" for name in columns)]
    for figure in FIGURES:
        cells = [column.get(figure) for column in columns.values()]
        shown = ("–" if c is None else f"{c:,d}" if isinstance(c, int) else f"{c:.4f}" for c in cells)
        lines.append(f"{figure:<24}" + "".join(f"{cell:>12}" for cell in shown))
    return lines


def summary(answer: dict[str, Any], folder: str) -> list[str]:
    borders = answer["borders"]
    return [
        f"{answer['instruments']} instruments of {answer['universe']}, {answer['bars']:,} bars "
        f"as of {answer['as_of']}; {answer['rows']['train']:,} rows to {borders['train_last']} to train on",
        f"validation {borders['validation_first']} to {borders['validation_last']}, "
        f"test {borders['test_first']} to {borders['test_last']}",
        *figure_lines(answer["metrics"]),
        answer["verdict"]["sentence"],
        f"Model {answer['version']}: {folder}",
    ]
