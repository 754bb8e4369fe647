"""`manage.py recommend`: one day's recommendations by the active model of a universe, stored."""

from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from datetime import date
from typing import Any

from django.core.management.base import CommandError

from boursomatic.shared import commands
from predictions.recommendations.as_json import set_json
from predictions.recommendations.days import InSample, NotAdvisable
from predictions.recommendations.make import active_model, named_model, recommendations_make
from training.errors import RunRefused
from training.quant.candle.spec import parse_time

SHOWN = 10  # best and worst of a day


def _day(text: str) -> date:
    try:
        return parse_time(text).date()
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


class Command(commands.JsonCommand):
    help = (
        "Recommends BUY, HOLD or SELL for each instrument of a universe at the close of one day, by its active model, "
        "from bars up to that day. Kept once for each model and day; score_recommendations follows them up."
    )

    def options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--as-of", type=_day, metavar="DATE", help="the day; on a day without bars the last one before it "
            "(default: the last bar)",
        )  # fmt: skip
        parser.add_argument("--universe", default="all", help="which instruments (default: all, every active one)")
        parser.add_argument("--model", metavar="VERSION", help="this model instead of the universe's active one")
        parser.add_argument(
            "--in-sample", action="store_true", help="also for a day that the model has seen: flagged, never counted"
        )

    def work(self, **options: Any) -> commands.CommandResult:
        try:
            model = named_model(options["model"]) if options["model"] else active_model(options["universe"])
            recommendation_set, new = recommendations_make(
                model=model, as_of=options["as_of"], in_sample=options["in_sample"]
            )
        except InSample as error:
            flagged = "With --in-sample it is made all the same, flagged and never counted."
            raise CommandError(f"{error} {flagged}") from error
        except (NotAdvisable, RunRefused) as error:
            raise CommandError(str(error)) from error
        answer = set_json(recommendation_set)
        return commands.CommandResult(answer, lines=_lines(answer, new=new))


def _lines(answer: dict[str, Any], *, new: bool) -> list[str]:
    rows = [row for row in answer["recommendations"] if row["label"]]
    counts = Counter(row["label"] for row in rows)
    silent = len(answer["recommendations"]) - len(rows)
    lines = [
        f"{answer['version']} as of {answer['as_of']}, {answer['horizon']} trading days ahead: "
        + ", ".join(f"{counts[label]} {label}" for label in ("BUY", "HOLD", "SELL"))
        + (f", {silent} without a recommendation" if silent else "")
        + ("" if new else " (made before)"),
    ]
    if answer["in_sample"]:
        lines.append("In sample: the model was trained on this day's outcomes. Flagged, and never counted.")
    if answer["lost"]:
        lines.append(f"No longer in the universe: {', '.join(answer['lost'])}.")
    shown = rows if len(rows) <= 2 * SHOWN else rows[:SHOWN]
    lines += [f"{'rank':>5}  {'symbol':<10}{'label':<6}{'p_buy':>8}{'p_hold':>8}{'p_sell':>8}{'expected':>10}  flags"]
    lines += [_line(row) for row in shown]
    if len(shown) < len(rows):
        lines += [f"{'…':>5}", *(_line(row) for row in rows[-3:])]
    return lines


def _line(row: dict[str, Any]) -> str:
    shares = "".join(f"{row[name]:>8.3f}" for name in ("p_buy", "p_hold", "p_sell"))
    return (
        f"{row['rank']:>5}  {row['symbol']:<10}{row['label']:<6}{shares}{row['expected_return']:>10.4f}  "
        f"{' '.join(row['flags'])}"
    ).rstrip()
