"""The scorecard as a page shows it: each model's promise and delivery, over time."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from predictions.quant.score import Scorecard, by_month, scorecard
from predictions.recommendations.days import universe_sessions
from predictions.recommendations.make import challenger_of, universe_models
from predictions.recommendations.money_panel import MoneyPanel, money_panels
from predictions.recommendations.score import ScoredDays, scored_days_apart
from training.models import ModelVersion
from training.web.presenters.charts import Plot, line_plot


@dataclass(frozen=True)
class Month:
    first: date
    card: Scorecard


@dataclass(frozen=True)
class Delivered:
    """One model's scorecard, its months with anything scored, both precisions of months with a BUY as lines, and its
    money where a day of it counts."""

    version: str
    model: ModelVersion | None
    card: Scorecard
    months: list[Month]
    plot: Plot | None
    money: MoneyPanel | None


def scorecard_context() -> dict[str, Any]:
    """For `scorecard.html`. The sets are read once, those said in time and those of replays apart."""
    scored, replayed = scored_days_apart()
    return {
        "models": delivered(scored, replay=False),
        "replays": delivered(replayed, replay=True),
        "champion_challengers": champion_challengers(scored),
    }


def delivered(scored: ScoredDays, *, replay: bool) -> list[Delivered]:
    """Of every model that was held to account, newest first."""
    models = {model.version: model for model in universe_models().filter(version__in=scored)}
    money = money_panels(replay=replay, versions=scored)
    lines = []
    for version, (card, days) in scored.items():
        months = [
            Month(first, scorecard(share, horizon=None, tested=None, interval=None)) for first, share in by_month(days)
        ]
        with_scores = [month for month in months if month.card.scored]
        lines.append(Delivered(version, models.get(version), card, with_scores, _plot(with_scores), money.get(version)))
    return lines


def _plot(months: list[Month]) -> Plot | None:
    bought = [month for month in months if month.card.buys]
    if len(bought) < 2:
        return None
    return line_plot(
        {
            "realised": [100 * (month.card.delivered or 0.0) for month in bought],
            "predicted": [100 * (month.card.promised or 0.0) for month in bought],
        },
        [f"{month.first:%Y-%m}" for month in bought],
        places=1,
        unit=" %",
    )


@dataclass(frozen=True)
class ChampionChallenger:
    """An active model and its challenger on the days that both have spoken of: `days` in common, scored ones in the
    cards."""

    champion: ModelVersion
    challenger: ModelVersion
    days: int
    cards: list[Scorecard]


def champion_challengers(scored: ScoredDays) -> list[ChampionChallenger]:
    """Of every active model of a universe that has a challenger."""
    pairs = []
    for champion in universe_models().filter(is_active=True).order_by("universe", "horizon"):
        if challenger := challenger_of(champion):
            mine, others = (
                dict(scored[model.version][1]) if model.version in scored else {} for model in (champion, challenger)
            )
            common = sorted(set(mine) & set(others))
            sessions = universe_sessions(champion.universe, common)
            terms: dict[str, Any] = {"horizon": champion.horizon, "tested": None, "interval": None}
            cards = [
                scorecard([(day, own[day]) for day in common], **terms, sessions=sessions) for own in (mine, others)
            ]
            pairs.append(ChampionChallenger(champion, challenger, len(common), cards))
    return pairs
