"""`manage.py train_poc`: trains a candle in the foreground, recorded like any other run."""

from argparse import ArgumentParser
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared import commands
from instruments.quant.features.names import FEATURE_GROUPS, FEATURE_SETS
from instruments.store.read_bars import default_symbol
from training.artifacts.storage import artifact_storage, folder_of
from training.models import Status, TrainingRun
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import AFTERS, DECISIONS, MODELS, PROTOCOLS, RANGES, TIMEFRAMES, SpecError
from training.recipes.base import Spec
from training.runs.as_json import run_json
from training.worker import foreground
from training.worker.runner import Held


class Command(commands.JsonCommand):
    help = "Trains a model as of one candle and judges it on the candles after it, in the foreground."

    def options(self, parser: ArgumentParser) -> None:
        candle_options(parser)
        folds = "expanding folds over the training rows, 2 to 10 (default: none)"
        option(parser, "folds", type=int, help=folds)
        option(
            parser,
            "output_dir",
            default="",
            help="folder for a copy of the run's files (default: only the artifact root)",
        )

    def work(self, **options: Any) -> commands.CommandResult:
        target = Path(options["output_dir"]).expanduser() if options["output_dir"] else None
        if target and target.exists() and not target.is_dir():
            raise CommandError(f"--output_dir {target} is a file. Name a folder.")
        family = create_claimed(parse_candle_spec, candle_body(options))
        outcome = foreground.execute_family(family, None if options["json"] else self._tell)
        run = TrainingRun.objects.select_related("series__instrument", "created_by").get(pk=family[-1].pk)
        answer = run_json(run)
        if run.status != Status.COMPLETED:
            why = run.error or outcome.sentence or f"The run ended {run.status}."
            return commands.CommandResult(answer, refused=f"Run {run.run_id}: {why}")
        storage, folder = artifact_storage(), folder_of(run)
        if target:
            storage.copy_to(folder, target)
        return commands.CommandResult(answer, lines=_summary(answer, str(target or storage.name_of(folder))))

    def _tell(self, stage: str, progress: float, message: str) -> None:
        self.stderr.write(f"{progress:4.0%}  {stage:<9} {message}", style_func=str)


def option(parser: ArgumentParser, name: str, **more: Any) -> None:
    """An option that is taken with underscores and with dashes."""
    dashes = name.replace("_", "-")
    parser.add_argument(*dict.fromkeys((f"--{name}", f"--{dashes}")), **more)


def candle_options(parser: ArgumentParser) -> None:
    """The options of a candle run."""
    add = partial(option, parser)
    add("selected_candle_date", required=True, help="decision candle, UTC: 2023-06-15T00:00:00Z or 2023-06-15")
    add("symbol", default="", help="instrument (default: BOURSOMATIC_DEFAULT_SYMBOL, else SPY, else the first)")
    add("timeframe", default="1d", choices=TIMEFRAMES, help="spacing of the bars (default: 1d)")
    for r in RANGES.values():
        bounds = f"{r.label.lower()}{f' in {r.unit}' if r.unit else ''}, {r.low:g} to {r.high:g}"
        add(r.name, type=int if r.whole else float, help=f"{bounds} (default: {r.default:g})")
    add("protocol", default="honest", choices=PROTOCOLS, help="recipe (default: honest)")
    add("features", nargs="+", choices=FEATURE_GROUPS, help="groups of features, in the place of --feature_set")
    add("model", default="lightgbm", choices=MODELS, help="trees or logistic regression (default: lightgbm)")
    add("after", default="same", choices=AFTERS, help="model of the windows after the first (default: same)")
    add("decision", default="close", choices=DECISIONS, help="next_open needs raw_o_next (default: close)")
    add(
        "feature_set",
        choices=FEATURE_SETS,
        help="features (default: scale_free for honest and steady, poc16 for poc)",
    )
    add("live", action="store_true", help="train although too few candles follow: without a test window")
    add("no_confirm", action="store_true", help="leave out the walk-forward confirmation")


def candle_body(options: dict[str, Any]) -> dict[str, Any]:
    """The API's body that these options say."""
    body = {
        "candle_date": options["selected_candle_date"],
        "symbol": options["symbol"] or default_symbol(),
        "timeframe": options["timeframe"],
        "params": {name: options[name] for name, r in RANGES.items() if r.in_params and options[name] is not None},
        **{name: options[name] for name, r in RANGES.items() if not r.in_params and options[name] is not None},
        "protocol": options["protocol"],
        "model": options["model"],
        "decision": options["decision"],
        "after": options["after"],
        "live": options["live"],
        "confirm": not options["no_confirm"],
    }
    for name in ("feature_set", "features", "folds"):
        if options[name] is not None:
            body[name] = options[name]
    return body


def create_claimed(parse: Callable[[Any], Spec], body: dict[str, Any]) -> list[Held]:
    """Validated exactly as the API does."""
    try:
        return foreground.create_claimed(parse(body))
    except SpecError as error:
        refusals = (f"{name}: {' '.join(messages)}" for name, messages in error.errors.items())
        raise CommandError("; ".join(refusals)) from error


def _summary(answer: dict[str, Any], folder: str) -> list[str]:
    parts = {name: answer[f"{name}_metrics"] for name in ("train", "validation", "test")}
    lines = [f"{'':<10}{'train':>12}{'validation':>12}{'test':>12}"]
    for name in ("rows", "accuracy", "precision", "recall", "f1", "auc", "mcc", "base_rate"):
        cells = (parts[part].get(name) for part in parts)
        shown = ("–" if c is None else f"{c:d}" if isinstance(c, int) else f"{c:.3f}" for c in cells)
        lines.append(f"{name:<10}" + "".join(f"{cell:>12}" for cell in shown))
    threshold = parts["train"]["best_threshold"]
    return [*lines, f"threshold {threshold:.2f}", answer["verdict"]["sentence"], f"Run {answer['run_id']}: {folder}"]
