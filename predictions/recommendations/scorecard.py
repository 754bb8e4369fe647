"""The scorecard as a page shows it: each model's promise and delivery, over time."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from predictions.quant.score import Scorecard, by_month, scorecard
from predictions.recommendations.make import challenger_of, universe_models
from predictions.recommendations.score import scored_days
from training.models import ModelVersion
from training.web.presenters.charts import Plot, line_plot


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
    """Of every model that was held to account, newest first."""
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
    return {"found": delivered(), "duels": duels()}


def _plot(months: list[Month]) -> Plot | None:
    bought = [month.card for month in months if month.card.buys]
    if len(bought) < 2:
        return None
    return line_plot([[card.promised or 0.0 for card in bought], [card.delivered or 0.0 for card in bought]])


@dataclass(frozen=True)
class Duel:
    """An active model and its challenger on the days that both have spoken of: `days` in common, scored ones in the
    cards."""

    champion: ModelVersion
    challenger: ModelVersion
    days: int
    cards: list[Scorecard]


def duels() -> list[Duel]:
    """Of every active model of a universe that has a challenger."""
    found = scored_days()
    made = []
    for champion in universe_models().filter(is_active=True).order_by("universe", "horizon"):
        if challenger := challenger_of(champion):
            mine, others = (
                dict(found[one.version][1]) if one.version in found else {} for one in (champion, challenger)
            )
            common = sorted(set(mine) & set(others))
            cards = [
                scorecard([(day, own[day]) for day in common], horizon=champion.horizon, tested=None, interval=None)
                for own in (mine, others)
            ]
            made.append(Duel(champion, challenger, len(common), cards))
    return made
