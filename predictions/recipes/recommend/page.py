"""The form that asks for recommendations, and what is offered once they are there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django import forms

from instruments.models import Universe
from instruments.universes import ALL
from predictions.recipes.recommend.spec import RecommendSpec, parse_recommend_request
from predictions.recommendations.days import Coverage, NotAdvisable, coverage_of, used_until
from predictions.recommendations.make import active_models, asked_models, universe_models
from training.models import ModelVersion, TrainingRun
from training.quant.candle.spec import SpecError

MODELS = 200  # the newest
NEWEST, DAY, REPLAY = "newest", "day", "replay"
MONTHS = ((3, "last 3 months"), (6, "last 6 months"), (12, "last year"), (24, "last 2 years"), (60, "last 5 years"))
_SELECT = forms.Select(attrs={"class": "form-select form-select-sm"})
_RADIO = forms.RadioSelect(attrs={"class": "form-check-input"})


class RecommendForm(forms.Form):
    """What the page sends; `spec` is there after `is_valid()`."""

    universe = forms.ChoiceField(required=False, label="Universe", widget=_SELECT)
    version = forms.ChoiceField(required=False, label="Model", widget=_SELECT)
    when = forms.ChoiceField(
        choices=[(NEWEST, "Newest bar"), (DAY, "Past day"), (REPLAY, "Replay")], required=False, widget=_RADIO
    )
    as_of = forms.CharField(
        max_length=40,
        required=False,
        label="Day",
        widget=forms.TextInput(
            attrs={"class": "form-control form-control-sm", "placeholder": "YYYY-MM-DD", "autocomplete": "off"}
        ),
    )
    months = forms.ChoiceField(choices=MONTHS, required=False, label="Days of", widget=_SELECT)
    every = forms.ChoiceField(
        choices=[("week", "each week's last session"), ("month", "each month's last session")],
        required=False,
        label="On",
        widget=_SELECT,
    )

    spec: RecommendSpec

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__({"when": NEWEST, "months": "12", "every": "week", **_chosen(data)})
        universe = self.data["universe"]
        self._choose("universe", [(name, name) for name in _universes()])
        self._choose("version", [("", _active_text(universe)), *_models(universe)])

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        body: dict[str, Any] = {"universe": self.data["universe"]}
        if given.get("version"):
            body["version"] = given["version"]
        if given.get("when") == DAY:
            body["as_of"] = given["as_of"] or None
            if not body["as_of"]:
                self.add_error("as_of", "Name a day, as 2023-06-15.")
        try:
            if given.get("when") == REPLAY:
                body["replay"] = self._replay(given)
            self.spec = parse_recommend_request(body)
        except SpecError as error:
            self.refuse(error)
        except NotAdvisable as error:
            self.add_error(None, str(error))
        return given

    def _replay(self, given: Mapping[str, Any]) -> dict[str, str]:
        newest = coverage_of(self.data["universe"]).newest
        first = newest - timedelta(days=round(30.44 * int(given["months"])))
        return {"from": first.isoformat(), "to": newest.isoformat(), "every": given["every"]}

    def refuse(self, error: SpecError) -> None:
        """Messages go to the field they speak of; what has no field of its own goes above the form."""
        for name, messages in error.errors.items():
            for message in messages:
                self.add_error(name if name in self.fields else None, message)


@dataclass(frozen=True)
class OpenDays:
    """What the chosen models may speak of."""

    covered: Coverage | None
    problem: str
    first: date | None  # the first day that is open; None where no model is chosen

    @property
    def has_past(self) -> bool:
        return self.covered is not None and self.first is not None and self.first < self.covered.newest


def open_days(universe: str, version: str) -> OpenDays:
    """For the form: how old the newest bar is, and from when on the chosen models have seen no outcome."""
    covered = None
    try:
        covered = coverage_of(universe)
        models = asked_models(universe, version or None)
    except NotAdvisable as error:
        return OpenDays(covered, str(error), None)
    return OpenDays(covered, "", min(used_until(model) for model in models))


def next_steps(run: TrainingRun) -> list[tuple[str, str, dict[str, str]]]:
    """After a completed run: text, name of the address, and its query."""
    version, day = run.result.get("version"), run.result.get("day")
    if not version or not day:
        return []
    return [
        ("Show the recommendations", "recommendations", {"version": version, "day": day}),
        ("Scorecard", "scorecard", {}),
    ]


def _chosen(data: Mapping[str, Any]) -> dict[str, Any]:
    """The form's data with a universe in it: the named one, else that of the named or an active model, else a first."""
    given = {name: value for name, value in data.items() if value}
    if "universe" not in given:
        models = universe_models().filter(version=given["version"]) if "version" in given else universe_models()
        model = models.order_by("-is_active", "-pk").first()
        given["universe"] = model.universe if model else _universes()[-1]
    return given


def _universes() -> list[str]:
    return [ALL, *Universe.objects.order_by("name").values_list("name", flat=True)]


def _models(universe: str) -> list[tuple[str, str]]:
    models = universe_models().filter(universe=universe).select_related("run__description").order_by("-pk")[:MODELS]
    return [(model.version, _model_text(model)) for model in models]


def _model_text(model: ModelVersion) -> str:
    description = getattr(model.run, "description", None)
    name = (description.name if description else "") or f"trained {model.trained_at:%Y-%m-%d %H:%M}"
    return f"{name}, {model.horizon} trading days{', active' if model.is_active else ''}"


def _active_text(universe: str) -> str:
    models = active_models(universe)
    if not models:
        return "active model (there is none)"
    return "active model" if len(models) == 1 else f"the {len(models)} active models"
