"""`manage.py sweep`: candles × settings, each trained and tested, with one claim over all of them."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared import commands
from instruments.store.read_bars import default_symbol
from training.models import Status, TrainingRun
from training.quant.candle.spec import MODELS, PROTOCOLS, RANGES, TIMEFRAMES, SpecError
from training.recipes.sweep.as_json import sweep_json
from training.recipes.sweep.data import sweep_spec
from training.recipes.sweep.spec import EVERY, FURTHER
from training.worker import foreground

MOST_JOBS = 64  # each has a connection to the database


class Command(commands.JsonCommand):
    help = (
        "Trains and tests a model at each of many candles with each of some settings, in the foreground, and says "
        "whether there is anything and whether one setting is better than another. One trial, recorded like any run."
    )

    def options(self, parser: ArgumentParser) -> None:
        def option(name: str, **more: Any) -> None:
            parser.add_argument(*dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}")), **more)

        option("symbol", default="", help="instrument (default: BOURSOMATIC_DEFAULT_SYMBOL, else SPY, else the first)")
        option("timeframe", default="1d", choices=TIMEFRAMES, help="spacing of the bars (default: 1d)")
        option("candles", nargs="+", help="decision candles, UTC: 2023-06-15 2023-09-15 …")
        option("from", help="first day in the place of candles, UTC")
        option("to", help="last day, UTC")
        option("every", type=int, help=f"take every so many candles of them (default: {EVERY.default:g})")
        years, window = RANGES["train_years"], RANGES["test_window_size"]
        option(
            "train_years",
            nargs="+",
            type=float,
            help=f"training periods in years, {years.low:g} to {years.high:g}, a row each (default: {years.default:g})",
        )
        option(
            "params_file",
            help=f"JSON file with a list of objects of params, or an object with one of {', '.join(FURTHER)}",
        )
        option("test_window_size", type=int, help=f"test window in candles (default: {window.default:g})")
        option("protocol", default="honest", choices=PROTOCOLS, help="recipe (default: honest)")
        option("model", default="lightgbm", choices=MODELS, help="trees or logistic regression (default: lightgbm)")
        option("feature_set", help="features: a named set, or groups joined by + (default: as the protocol has it)")
        option("study_id", help="the search that tried the params; those may be wider then")
        option(
            "jobs", type=int, default=1, help=f"processes that work cells side by side, 1 to {MOST_JOBS} (default: 1)"
        )

    def work(self, **options: Any) -> commands.CommandResult:
        names = ("timeframe", "candles", "from", "to", "every", "train_years", "test_window_size", "protocol", "model",
                 "feature_set", "study_id")  # fmt: skip
        if not 1 <= options["jobs"] <= MOST_JOBS:
            raise CommandError(f"jobs: Must be a whole number from 1 to {MOST_JOBS}.")
        body = {name: options[name] for name in names if options[name] is not None}
        try:
            body |= _further(options["params_file"]) | {"symbol": options["symbol"] or default_symbol()}
            family = foreground.create_claimed(sweep_spec(body, default_symbol=""))
        except SpecError as error:
            reasons = (f"{name}: {' '.join(messages)}" for name, messages in error.errors.items())
            raise CommandError("; ".join(reasons)) from error
        outcome = foreground.execute_family(family, None if options["json"] else self._tell, jobs=options["jobs"])
        run = TrainingRun.objects.select_related("series__instrument", "created_by").get(pk=family[-1].pk)
        answer = sweep_json(run)
        if run.status != Status.COMPLETED:
            why = run.error or outcome.sentence or f"The run ended {run.status}."
            return commands.CommandResult(answer, refused=f"Run {run.run_id}: {why}")
        return commands.CommandResult(answer, lines=_summary(answer))

    def _tell(self, stage: str, progress: float, message: str) -> None:
        self.stderr.write(f"{progress:4.0%}  {stage:<9} {message}", style_func=str)


def _further(path: str | None) -> dict[str, Any]:
    """The further axis that a file holds."""
    if not path:
        return {}
    try:
        content = json.loads(Path(path).expanduser().read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"--params-file {path} can't be read as JSON: {error}") from error
    if isinstance(content, list):
        return {"params": content}
    if isinstance(content, dict) and set(content) <= set(FURTHER):
        return content
    raise CommandError(f"--params-file {path} must hold a list of objects, or one with {', '.join(FURTHER)}.")


def _summary(answer: dict[str, Any]) -> list[str]:
    """A line for each row, then the claim."""
    lines = [f"{'row':<32}{'AUC':>7}  {'95 % interval':<14}{'candles':>8}"]
    for row in answer["rows"]:
        auc = "–" if row["auc"] is None else f"{row['auc']:.3f}"
        interval = "–".join(f"{bound:.2f}" for bound in row["auc_interval"] or [])
        lines.append(f"{row['label']:<32}{auc:>7}  {interval:<14}{row['candles']:>8}  {row['problem']}".rstrip())
    failed = answer["cells"]["status"].count("failed")
    if failed:
        lines.append(f"{failed} of {len(answer['cells']['status'])} cells failed.")
    return [*lines, answer["sentence"], f"Sweep {answer['sweep_id']}"]
