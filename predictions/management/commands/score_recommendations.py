"""`manage.py score_recommendations`: scores matured recommendations, and sums up precision of BUY by model."""

from typing import Any

from boursomatic.shared import commands
from predictions.models import Recommendation
from predictions.quant.score import Scorecard
from predictions.recommendations.score import recommendations_score, scorecards


class Command(commands.JsonCommand):
    help = (
        "Scores each recommendation once, at the last bar of its horizon: realised return, hit or miss. Prints by "
        "model the precision of BUY, predicted and realised; days in sample never count."
    )

    def work(self, **options: Any) -> commands.CommandResult:
        scored = recommendations_score()
        pending = Recommendation.objects.pending().count()
        cards = scorecards()
        answer = {
            "scored": scored,
            "pending": pending,
            "by_version": {version: scorecard_json(card) for version, card in cards.items()},
        }
        lines = [f"{scored:,} scored now, {pending:,} pending"]
        for version, card in cards.items():
            lines += _lines(version, card)
        return commands.CommandResult(answer, lines)


def scorecard_json(card: Scorecard) -> dict[str, Any]:
    """`promised` is the mean P(BUY) of the BUYs, `interval` that of the precision on the model's test days."""
    return {"precision_buy": card.delivered, **card.as_dict()}


def _lines(version: str, card: Scorecard) -> list[str]:
    head = f"{version}: {card.scored:,} scored on {card.days} days"
    if not card.buys:
        return [f"{head}, no BUY among them"]
    return [
        f"{head}, {card.buys:,} of them BUY",
        f"  precision of BUY, predicted  {_share(card.promised)}  mean P(BUY) of these",
        f"  on test days                 {_share(card.tested)}  {_interval(card.interval)}",
        f"  realised                     {_share(card.delivered)}  {_interval(card.delivered_interval)}",
        f"  base rate of those days      {_share(card.base_rate)}",
        f"  mean return of BUYs          {_share(card.earned)}",
        "  hit rate                     "
        + ", ".join(f"{name} {_share(rate)}" for name, rate in card.hit_rates.items()),
    ]


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _interval(value: list[float] | None) -> str:
    return "too few days for an interval" if value is None else f"95 % interval {value[0]:.4f} to {value[1]:.4f}"
