"""The line from data to scored recommendations, as a list on the home page that ticks itself."""

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Count
from django.urls import reverse

from boursomatic.accounts.roles import Scope
from instruments.calendars.sessions import session_after
from instruments.models import Series, Universe
from instruments.universes import ALL
from predictions.models import Recommendation, RecommendationSet
from predictions.recommendations.days import coverage_of, used_until
from predictions.recommendations.make import universe_models
from training.models import ACTIVE, ModelVersion, Status, TrainingRun

LOOKED_AT = 10  # models, the newest
WHO = {
    Scope.DATA: "A manager can do this.",
    Scope.TRAIN: "A trainer or manager can do this.",
    Scope.ACTIVATE: "A manager can do this.",
}


@dataclass(frozen=True)
class Step:
    """One step: what is done by it, and the button that does it. `fields` None: a link; else a form with these."""

    title: str
    text: str
    is_done: bool
    is_next: bool
    is_allowed: bool
    who: str
    button: str
    address: str
    fields: dict[str, str] | None = None


def checklist(scopes: Collection[Scope]) -> list[Step]:
    """The steps for a member with these scopes; empty once all are done. The first that isn't done has its button."""
    done = _done()
    if all(done.values()):
        return []
    steps, is_next = [], True
    for title, scope in _STEPS.items():
        is_current = is_next and not done[title]
        is_allowed = scope in scopes
        button, address, fields = _under_way(title) or _button(title) if is_current and is_allowed else ("", "", {})
        steps.append(
            Step(title, _TEXTS[title], done[title], is_current, is_allowed, WHO[scope], button, address, fields)
        )
        is_next = is_next and done[title]
    return steps


DATA, CANDLE, UNIVERSE, ACTIVATE, RECOMMEND, SCORE = "Data", "Candle", "Universe", "Activate", "Recommend", "Score"
_STEPS = {
    DATA: Scope.DATA,
    CANDLE: Scope.TRAIN,
    UNIVERSE: Scope.TRAIN,
    ACTIVATE: Scope.ACTIVATE,
    RECOMMEND: Scope.TRAIN,
    SCORE: Scope.DATA,
}
_TEXTS = {
    DATA: "bars of the instruments to learn from",
    CANDLE: "a first model, trained at a candle on the chart",
    UNIVERSE: "a model of many instruments at once, for daily recommendations",
    ACTIVATE: "the model that the team goes by",
    RECOMMEND: "BUY, HOLD or SELL for each instrument",
    SCORE: "what was recommended, beside the returns that were realised",
}
_ABOUT_UNIVERSES = {UNIVERSE, RECOMMEND, SCORE}


def _done() -> dict[str, bool]:
    runs = TrainingRun.objects.filter(status=Status.COMPLETED)
    return {
        DATA: Series.objects.filter(rows__gt=0).exists(),
        CANDLE: runs.filter(series__isnull=False).exists(),
        UNIVERSE: universe_models().exists(),
        ACTIVATE: ModelVersion.objects.filter(is_active=True).exclude(universe="").exists(),
        RECOMMEND: RecommendationSet.objects.filter(in_sample=False).exists(),
        SCORE: Recommendation.objects.filter(realised_return__isnull=False).exists(),
    }


def _under_way(title: str) -> tuple[str, str, None] | None:
    """As `_button`, of a step about universes while a run about one that somebody asked for is under way."""
    runs = TrainingRun.objects.existing().filter(status__in=ACTIVE, counts=True, universe__isnull=False)
    run = runs.newest_first().first() if title in _ABOUT_UNIVERSES else None
    return ("Open the run that is under way", reverse("run", args=[run.run_id]), None) if run else None


def _button(title: str) -> tuple[str, str, dict[str, str] | None]:
    """Text, address, and the form's fields or None for a link."""
    if title == DATA:
        return "Upload bars", reverse("data"), None
    if title == CANDLE:
        return "Open the chart", reverse("backtest"), None
    if title == UNIVERSE:
        filled = Universe.objects.filter(instruments__series__rows__gt=0)
        largest = filled.annotate(members=Count("instruments", distinct=True)).order_by("-members", "pk")
        name = largest.values_list("name", flat=True).first() or ALL
        return f"Train on the universe {name}", reverse("universe-new"), {"universe": name}
    if title == ACTIVATE:
        newest = universe_models().order_by("-pk").first()
        assert newest is not None  # the step before is done
        return f"Check and activate {newest.version}", reverse("model-gate", args=[newest.version]), None
    if title == RECOMMEND:
        active = universe_models().filter(is_active=True).first()
        return "Recommend on the newest bar", reverse("recommend-new"), {"universe": active.universe if active else ALL}
    return _score_button()


def _score_button() -> tuple[str, str, dict[str, str] | None]:
    """Scoring where a horizon has passed; else a replay of days whose outcome is known; else a model that can be asked
    about such days."""
    oldest = RecommendationSet.objects.filter(is_open=True, in_sample=False).order_by("as_of", "pk").first()
    if oldest:
        covered = coverage_of(oldest.universe)
        if session_after(oldest.as_of, oldest.horizon, covered.calendar) <= covered.newest:
            return "Score now", reverse("score-now"), {}
    models = list(universe_models().order_by("-pk")[:LOOKED_AT])
    for model in models:
        if used_until(model) < coverage_of(model.universe).newest:
            query = urlencode({"when": "replay", "version": model.version})
            return "Replay past days, to have something to score", f"{reverse('recommend-new')}?{query}", None
    fields = {"universe": models[0].universe if models else ALL, "year_before": "1"}
    return "Train as of one year before the newest bar, to replay the year since", reverse("universe-new"), fields
