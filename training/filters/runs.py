"""What runs may be filtered by, for page and API alike: one form, strict, all of it in the address."""

from datetime import timedelta
from typing import Any

import django_filters
from django import forms
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet

from instruments.models import Instrument, Series, Timeframe, Universe
from instruments.quant.features.names import FEATURE_SETS
from training.evidence.queries import best_p_value, confirmed_with, having, with_verdict
from training.filters.fields import SELECT, DayFilter, ShareFilter, TextFilter, instrument_filter
from training.models import Description, RunTag, Status, TrainingRun
from training.quant.candle.spec import PROTOCOLS
from training.quant.candle.verdict import Label
from training.recipes.kinds import listed_kinds, recipes
from training.runs.annotations import parse_tag

VERDICTS = {Label.EVIDENCE: "evidence", Label.WEAK: "weak sign", Label.NO_EVIDENCE: "no evidence"}
YES_NO = (("yes", "yes"), ("no", "no"))
SHOWN_ALWAYS = ("text", "kind", "symbol", "status", "verdict", "person", "tag", "pinned")
Runs = QuerySet[TrainingRun]


def _people(request: object) -> QuerySet[User]:
    return User.objects.filter(Exists(TrainingRun.objects.filter(created_by=OuterRef("pk")))).order_by("username")


def _universes() -> list[tuple[str, str]]:
    return [("all", "all")] + [
        (name, name) for name in Universe.objects.order_by("name").values_list("name", flat=True)
    ]


def _kinds() -> list[tuple[str, str]]:
    return [(kind, recipe.label) for kind, recipe in recipes().items()]


class RunFilterForm(forms.Form):
    """A range that is upside down finds nothing, which nobody means."""

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for name in [name for name in self.fields if name.endswith(("_min", "_from"))]:
            other = name.replace("_min", "_max").replace("_from", "_to")
            low, high = values.get(name), values.get(other)
            if low is not None and high is not None and low > high:
                self.add_error(name, f"Must not be above {other}.")
        return values


def _choice(label: str, choices: Any, **more: Any) -> django_filters.ChoiceFilter:
    return django_filters.ChoiceFilter(label=label, choices=choices, empty_label=label, widget=SELECT, **more)


class RunFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """Every filter narrows; days are UTC and count whole; shares are from 0 to 1, bounds inclusive."""

    text = TextFilter(label="name, notes or run", method="by_text", max_length=100)
    kind = _choice("any kind", _kinds)
    symbol = instrument_filter(method="by_symbol")
    status = _choice("any status", Status.choices, method="by_column")
    verdict = _choice("any verdict", list(VERDICTS.items()), method="by_verdict")
    person = django_filters.ModelChoiceFilter(
        label="anybody",
        field_name="created_by",
        method="by_column",
        queryset=_people,
        to_field_name="username",
        empty_label="anybody",
        widget=SELECT,
    )
    tag = TextFilter(
        label="tags", method="by_tags", max_length=200, check=lambda text: list(map(parse_tag, text.split()))
    )
    pinned = _choice("pinned or not", YES_NO, method="by_pinned")

    timeframe = _choice("any timeframe", Timeframe.choices, method="by_timeframe")
    universe = _choice("any universe", _universes)
    protocol = _choice("any protocol", [(name, name) for name in PROTOCOLS])
    feature_set = _choice("any feature set", [(name, name) for name in FEATURE_SETS])
    confirmed = _choice("confirmed or not", YES_NO, method="by_confirmed")
    candle_from = DayFilter(label="candle from", field_name="candle_at", lookup_expr="gte")
    candle_to = DayFilter(label="candle to", field_name="candle_at", method="until")
    created_from = DayFilter(label="submitted from", field_name="created_at", lookup_expr="gte")
    created_to = DayFilter(label="submitted to", field_name="created_at", method="until")
    auc_min = ShareFilter(label="test AUC from", field_name="auc", lookup_expr="gte")
    auc_max = ShareFilter(label="test AUC to", field_name="auc", lookup_expr="lte")
    pooled_auc_min = ShareFilter(label="pooled AUC from", field_name="auc__gte", method="by_confirmation")
    pooled_auc_max = ShareFilter(label="pooled AUC to", field_name="auc__lte", method="by_confirmation")
    p_min = ShareFilter(label="p-value from", field_name="best_p__gte", method="by_p_value")
    p_max = ShareFilter(label="p-value to", field_name="best_p__lte", method="by_p_value")

    class Meta:
        model = TrainingRun
        form = RunFilterForm
        fields: list[str] = []

    def filter_queryset(self, runs: Any) -> Any:
        """Without a kind those that lists show by themselves. The index of lists knows no run about another."""
        found, kind = super().filter_queryset(runs), self.form.cleaned_data.get("kind")
        if kind and recipes()[kind].needs_subject:
            return found
        return found.of_kinds([kind] if kind else listed_kinds())

    def problems(self, *also_known: str) -> list[str]:
        """What is wrong with the address, in sentences: names that are no filter, and values that won't do."""
        unknown = [name for name in self.data if name not in self.filters and name not in also_known]
        wrong = [(self.form[name].label, text) for name, texts in self.errors.items() for text in texts]
        return [f"There is no filter {name[:60]}." for name in unknown] + [f"{label}: {text}" for label, text in wrong]

    def by_text(self, runs: Runs, _name: str, text: str) -> Runs:
        said = Description.objects.filter(Q(name__icontains=text) | Q(notes__icontains=text)).values("run")
        return runs.filter(Q(pk__in=said) | Q(pk__in=TrainingRun.objects.filter(run_id=text).values("pk")))

    def by_tags(self, runs: Runs, _name: str, tags: list[str]) -> Runs:
        for tag in tags:
            runs = runs.filter(pk__in=RunTag.objects.filter(text=tag).values("run"))
        return runs

    def by_pinned(self, runs: Runs, _name: str, answer: str) -> Runs:
        pinned = Q(pk__in=Description.objects.filter(pinned=True).values("run"))
        return runs.filter(pinned if answer == "yes" else ~pinned)

    def by_column(self, runs: Runs, name: str, value: Any) -> Runs:
        return having(runs, name, getattr(value, "pk", value))

    def by_symbol(self, runs: Runs, _name: str, instrument: Instrument) -> Runs:
        return having(runs, "series", Series.objects.filter(instrument=instrument).values("pk"), "in")

    def by_timeframe(self, runs: Runs, _name: str, timeframe: str) -> Runs:
        return having(runs, "series", Series.objects.filter(timeframe=timeframe).values("pk"), "in")

    def by_verdict(self, runs: Runs, _name: str, label: str) -> Runs:
        return with_verdict(runs, Label(label))

    def by_confirmed(self, runs: Runs, _name: str, answer: str) -> Runs:
        confirmed = Exists(confirmed_with(subject=OuterRef("pk")))
        return (
            runs.filter(confirmed) if answer == "yes" else having(runs, "status", Status.COMPLETED).filter(~confirmed)
        )

    def by_confirmation(self, runs: Runs, lookup: str, value: float) -> Runs:
        return runs.filter(Exists(confirmed_with(subject=OuterRef("pk"), **{lookup: value})))

    def by_p_value(self, runs: Runs, lookup: str, value: float) -> Runs:
        return runs.alias(best_p=best_p_value()).filter(**{lookup: value})

    def until(self, runs: Runs, name: str, day: Any) -> Runs:
        return runs.filter(**{f"{name}__lt": day + timedelta(days=1)})
