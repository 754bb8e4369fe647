"""The scorecard as a page shows it: each model's promise and delivery, over time."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from predictions.models import Recommendation
from predictions.quant.score import Scorecard, by_month, scorecard
from predictions.recommending import universe_models
from predictions.scoring import scored_days
from training.models import ModelVersion
from training.report import Plot, line_plot


@dataclass(frozen=True)
class Month:
    first: date
    card: Scorecard


@dataclass(frozen=True)
class Delivered:
    """One model's scorecard, its months with anything scored, and both precisions of months with a BUY as lines."""

    version: str
    model: ModelVersion | None
    card: Scorecard
    months: list[Month]
    plot: Plot | None


def delivered() -> list[Delivered]:
    """Of every model that was held to account, newest first. Two queries."""
    found = scored_days()
    models = {one.version: one for one in universe_models().filter(version__in=found)}
    made = []
    for version, (card, days) in found.items():
        months = [
            Month(first, scorecard(part, horizon=1, tested=None, interval=None)) for first, part in by_month(days)
        ]
        there = [month for month in months if month.card.scored]
        made.append(Delivered(version, models.get(version), card, there, _plot(there)))
    return made


def scorecard_context() -> dict[str, Any]:
    return {"found": delivered(), "pending": Recommendation.objects.pending().exists()}


def _plot(months: list[Month]) -> Plot | None:
    bought = [month.card for month in months if month.card.buys]
    if len(bought) < 2:
        return None
    return line_plot([[card.promised or 0.0 for card in bought], [card.delivered or 0.0 for card in bought]])
