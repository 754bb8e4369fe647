"""The form of a universe run or walk: numbers come from the specs' ranges, and the specs alone judge what is sent."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.db.models import Count, Q

from instruments.models import Instrument, Universe
from instruments.universes import ALL
from training.quant.candle.spec import SEED, Range, SpecError
from training.quant.universe.spec import HONEST, PHASE22, SHARES, UNIVERSE_RANGES, UniverseSpec
from training.quant.walk_forward.spec import WALK_RANGES, WINDOWS, WalkSpec, parse_universe_request
from training.recipes.candle.form import NumberField
from training.recipes.universe.data import universe_members

_SELECT = forms.Select(attrs={"class": "form-select form-select-sm"})
TRAIN, WALK = "train", "walk"
YEAR = 365  # days


def _universes() -> list[tuple[str, str]]:
    active = Count("instruments", filter=Q(instruments__active=True), distinct=True)
    named = Universe.objects.annotate(members=active).values_list("name", "members")
    every = (ALL, Instrument.objects.filter(active=True).count())
    return [(name, f"{name} ({count} instruments)") for name, count in (every, *named)]


class PercentField(NumberField):
    """A share: per cent on the form, a fraction in the spec."""

    def __init__(self, setting: Range) -> None:
        super().__init__(setting)
        self.threshold_of, self.direction = setting.label.split(" ")[0], "at " + setting.label.rsplit(" at ", 1)[1]
        self.initial = percent_text(setting.default)
        self.widget.attrs |= {"min": percent_text(setting.low), "max": percent_text(setting.high)}
        self.refusal = f"Must be a number from {percent_text(setting.low)} to {percent_text(setting.high)} (%)."

    def clean(self, value: Any) -> Any:
        """The typed decimal shifted by two places, so that 2.3 % is the same float as 0.023."""
        typed = super().clean(value)
        if isinstance(typed, str):
            return typed
        return float(Decimal(forms.CharField.clean(self, value)).scaleb(-2))


def percent_text(share: float) -> str:
    """0.05 as 5."""
    return f"{float(Decimal(repr(share)).scaleb(2)):g}"


class UniverseForm(forms.Form):
    """What the page sends; what it leaves out has its default. `spec` is there after `is_valid()`."""

    universe = forms.ChoiceField(choices=_universes, required=False, label="Universe", widget=_SELECT)
    how = forms.ChoiceField(
        choices=[(TRAIN, "Train once, keep the model"), (WALK, "Walk forward: many folds, no model")],
        required=False,
        label="What to do",
        widget=_SELECT,
    )
    as_of = forms.CharField(
        max_length=40,
        required=False,
        label="As of",
        widget=forms.TextInput(
            attrs={"class": "form-control form-control-sm", "placeholder": "YYYY-MM-DD", "autocomplete": "off"}
        ),
    )
    window = forms.ChoiceField(
        choices=[(name, name) for name in WINDOWS], required=False, label="Training window", widget=_SELECT
    )
    recipe = forms.ChoiceField(
        choices=[(HONEST, "honest: weighed ranks"), (PHASE22, "phase22: the original's trees")],
        required=False,
        label="Recipe",
        widget=_SELECT,
    )
    score = forms.ChoiceField(
        choices=[("composite", "the weighed ranks"), ("trees", "small trees on the ranks")],
        required=False,
        label="Model of record (honest)",
        widget=_SELECT,
    )
    year_before = forms.CharField(max_length=1, required=False)  # sent by a button: as of a year before the newest bar
    judged_model = forms.BooleanField(
        required=False,
        label="Deploy the tested model as it is (no final refit on all data)",
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    no_confirm = forms.BooleanField(
        required=False,
        label="No walk-forward confirmation (then there is no verdict)",
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    spec: UniverseSpec | WalkSpec

    def __init__(self, *args: Any, seed: int = SEED, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.seed = seed  # of the run whose settings these are: no field, so that nobody picks a lucky one
        for name, setting in {**UNIVERSE_RANGES, **WALK_RANGES}.items():
            self.fields[name] = PercentField(setting) if name in SHARES else NumberField(setting)
            if not setting.whole:
                self.fields[name].widget.attrs["step"] = "any"  # a browser counts steps from the least value

    def clean(self) -> dict[str, Any]:
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        body = {name: given[name] for name in ("universe", "as_of", "recipe", *UNIVERSE_RANGES) if name in given}
        if body.get("recipe", HONEST) == HONEST and "score" in given:
            body["score"] = given["score"]
        body["refit"] = not given.get("judged_model", False)
        body["confirm"] = not given.get("no_confirm", False)
        if given.get("how") == WALK:
            body["refit"] = body["confirm"] = True  # a walk keeps no model, and judges itself
            body["walk_forward"] = {name: given[name] for name in ("window", *WALK_RANGES) if name in given}
        try:
            if given.get("year_before"):
                body["as_of"] = _year_before_newest(body.get("universe", ALL)).isoformat()
            self.spec = _seeded(parse_universe_request(body), self.seed)
        except SpecError as error:
            self.refuse(error)
        return self.cleaned_data

    def refuse(self, error: SpecError) -> None:
        """Messages go to the field they speak of; what has no field of its own goes above the form."""
        for name, messages in error.errors.items():
            field = self.fields.get(name)
            for message in [field.refusal] if isinstance(field, PercentField) else messages:
                self.add_error(name if field else None, message)

    @property
    def choices_first(self) -> list[forms.BoundField]:
        return [self["universe"], self["how"], self["recipe"], self["score"]]

    @property
    def numbers(self) -> list[forms.BoundField]:
        return [self[name] for name in UNIVERSE_RANGES]

    @property
    def walk_numbers(self) -> list[forms.BoundField]:
        return [self[name] for name in WALK_RANGES]


def values_of(config: Mapping[str, Any]) -> dict[str, str]:
    """The settings that a run stored, as this form sends them."""
    names = ("universe", "as_of", "window", "score", *UNIVERSE_RANGES, *WALK_RANGES)
    given = {name: config[name] for name in names if config.get(name) is not None}
    values = {name: percent_text(value) if name in SHARES else str(value) for name, value in given.items()}
    values["recipe"] = config.get("recipe", PHASE22 if config else HONEST)
    values["how"] = WALK if "folds" in config else TRAIN
    switched_off = {"judged_model": "refit", "no_confirm": "confirm"}
    return values | {field: "on" for field, name in switched_off.items() if not config.get(name, True)}


def _year_before_newest(universe: str) -> date:
    """Raises SpecError for a universe without bars."""
    newest = max(series.last for series in universe_members(universe) if series.last).date()
    return newest - timedelta(days=YEAR)


def _seeded(spec: UniverseSpec | WalkSpec, seed: int) -> UniverseSpec | WalkSpec:
    return replace(spec, spec=replace(spec.spec, seed=seed)) if isinstance(spec, WalkSpec) else replace(spec, seed=seed)
