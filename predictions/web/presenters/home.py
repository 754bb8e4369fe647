"""What a member sees first: the newest recommendations, what changed, how they turned out, runs in progress."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from boursomatic.accounts.roles import Person
from boursomatic.notices.services import visible_to
from predictions.models import Label, Recommendation, RecommendationSet, Schedule
from predictions.quant.score import Scorecard
from predictions.recommendations.make import universe_models
from predictions.recommendations.score import scored_days
from predictions.web.presenters.recommendations import set_counts
from training.models import ACTIVE, ModelVersion, TrainingRun
from training.recipes.kinds import listed_kinds
from training.web.presenters.models import ModelLine, model_lines
from training.web.presenters.progress import under_way

BEST = 8  # rows
CHANGES = 24
RUNS = 10
NOTICES = 5


@dataclass(frozen=True)
class Change:
    symbol: str
    before: str
    after: str


@dataclass(frozen=True)
class Today:
    """Of one active model: its newest day, the likeliest BUYs of it, what it says otherwise than on its day before, and
    how its advice has turned out so far."""

    line: ModelLine
    newest: RecommendationSet | None
    counts: dict[str, Any]
    best: list[Recommendation]
    before: RecommendationSet | None
    changes: list[Change]
    card: Scorecard | None
    schedule: Schedule | None  # of its universe's recommendations

    @property
    def model(self) -> ModelVersion:
        return self.line.model

    @property
    def more_changes(self) -> int:
        return max(0, len(self.changes) - CHANGES)

    @property
    def first_changes(self) -> list[Change]:
        return self.changes[:CHANGES]


def home_context(user: Person) -> dict[str, Any]:
    models = universe_models().select_related("series__instrument").filter(is_active=True)
    lines = model_lines(list(models.order_by("universe", "horizon")))
    cards = scored_days([line.model.version for line in lines])
    recommending = Schedule.objects.filter(Q(job="recommend") | Q(time_of_day=None)).order_by("-next_run_at")
    schedules = {schedule.universe: schedule for schedule in recommending}  # of several the one that comes first
    runs = TrainingRun.objects.existing().of_kinds(listed_kinds()).filter(status__in=ACTIVE)
    in_progress = list(runs.light().select_related("description").newest_first()[:RUNS])
    return {
        "today": [
            _today(
                line,
                cards[line.model.version][0] if line.model.version in cards else None,
                schedules.get(line.model.universe),
            )
            for line in lines
        ],
        "runs": in_progress,
        "under_way": under_way(in_progress),
        "notices": list(visible_to(user)[:NOTICES]),
        "has_runs": TrainingRun.objects.existing().exists(),
    }


def _today(line: ModelLine, card: Scorecard | None, schedule: Schedule | None) -> Today:
    sets = list(RecommendationSet.objects.filter(version=line.model.version).newest_first()[:2])
    newest, before = [*sets, None, None][:2]
    if newest is None:
        return Today(line, None, {}, [], None, [], card, schedule)
    best = newest.rows.light().filter(label=Label.BUY).order_by("-p_buy", "rank")[:BEST]
    return Today(line, newest, set_counts(newest), list(best), before, _changes(newest, before), card, schedule)


def _changes(newest: RecommendationSet, before: RecommendationSet | None) -> list[Change]:
    """BUYs first, then SELLs; instruments of which either day says nothing are left out."""
    if before is None:
        return []
    then, now = (
        dict(one.rows.exclude(label="").values_list("series__instrument__symbol", "label")) for one in (before, newest)
    )
    order = (Label.BUY, Label.SELL, Label.HOLD)
    found = [Change(symbol, then[symbol], label) for symbol, label in now.items() if then.get(symbol, label) != label]
    return sorted(found, key=lambda one: (order.index(Label(one.after)), one.symbol))
