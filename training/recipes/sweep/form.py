"""The form of a sweep: lists are typed as text, and the spec alone judges what is sent."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django import forms

from instruments.quant.features.names import FEATURE_SETS
from training.quant.candle.spec import MODEL_NAMES, MODELS, PROTOCOLS, RANGES, TIMEFRAMES, SpecError
from training.recipes.candle.form import PROTOCOL_LABELS, NumberField, number_of
from training.recipes.sweep.data import sweep_spec
from training.recipes.sweep.spec import EVERY, SweepSpec

FURTHER_LABELS = {
    "": "nothing else",
    "params": "sets of parameters, one a line: num_leaves 15 max_depth 4",
    "feature_sets": "features, one set a line: scale_free, or groups as shape+returns",
    "test_windows": "test windows in candles: 20 35 60",
}
_SHARED = ("symbol", "timeframe", "protocol", "model", "feature_set")  # fields that the API has as they are
_TEXT = {"class": "form-control form-control-sm", "autocomplete": "off"}
_SELECT = forms.Select(attrs={"class": "form-select form-select-sm"})


def _text(label: str, **attrs: str) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=60, widget=forms.TextInput(attrs=_TEXT | attrs))


def _lines(label: str, **attrs: str) -> forms.CharField:
    widget = forms.Textarea(attrs=_TEXT | {"rows": "3"} | attrs)
    return forms.CharField(label=label, required=False, max_length=60_000, widget=widget)


class SweepForm(forms.Form):
    """What the page sends. `spec` is there after `is_valid()`."""

    symbol = _text("Instrument")
    timeframe = forms.ChoiceField(choices=[(name, name) for name in TIMEFRAMES], required=False, widget=_SELECT)
    candles = _lines("Candles (UTC)", placeholder="YYYY-MM-DD YYYY-MM-DD …")
    start = _text("From", placeholder="YYYY-MM-DD")
    end = _text("To", placeholder="YYYY-MM-DD")
    every = NumberField(EVERY)
    train_years = _text("Training periods (years)", placeholder="1 2 3")
    further = forms.ChoiceField(
        choices=list(FURTHER_LABELS.items()), required=False, label="Further setting", widget=_SELECT
    )
    values = _lines("Its values")
    test_window_size = NumberField(RANGES["test_window_size"])
    protocol = forms.ChoiceField(
        choices=[(name, PROTOCOL_LABELS[name]) for name in PROTOCOLS], required=False, widget=_SELECT
    )
    model = forms.ChoiceField(choices=list(MODEL_NAMES.items()), required=False, widget=_SELECT)
    feature_set = forms.ChoiceField(
        choices=[("", "the protocol's own"), *((name, name) for name in FEATURE_SETS)],
        required=False,
        label="Feature set",
        widget=_SELECT,
    )

    spec: SweepSpec

    def clean(self) -> dict[str, Any]:
        try:
            self.spec = sweep_spec(self._body(), default_symbol="")
        except SpecError as error:
            self.refuse(error)
        return self.cleaned_data

    def _body(self) -> dict[str, Any]:
        """As the API has it. Listed candles come before a stretch."""
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        body: dict[str, Any] = {name: given[name] for name in _SHARED if name in given}
        if candles := _words(given.get("candles", "")):
            body["candles"] = _with_hours(candles)
        else:
            body |= {name: given[field] for name, field in (("from", "start"), ("to", "end")) if field in given}
            body["every"] = given.get("every", int(EVERY.default))
        body["train_years"] = [number_of(word) for word in _words(given.get("train_years", ""))]
        further = given.get("further", "")
        if further != "test_windows":
            body["test_window_size"] = given.get("test_window_size", int(RANGES["test_window_size"].default))
        if further:
            body[further] = _VALUES[further](given.get("values", ""))
        return body

    def refuse(self, error: SpecError) -> None:
        """Messages go to the field they speak of, of the further axis to its values; else above the form."""
        for name, messages in error.errors.items():
            field = _FIELD_OF.get(name, name if name in self.fields else "")
            if not field and self.cleaned_data.get("further"):
                field = "values"
            for message in messages:
                self.add_error(field or None, message)


def initial_values(query: Mapping[str, str]) -> dict[str, Any]:
    """What the form opens with: its defaults, over them what the address names."""
    values = {
        "timeframe": "1d",
        "every": f"{EVERY.default:g}",
        "train_years": "1 2 3",
        "test_window_size": f"{RANGES['test_window_size'].default:g}",
        "protocol": PROTOCOLS[0],
        "model": MODELS[0],
    }
    return values | {name: value for name, value in query.items() if name in SweepForm.base_fields}


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", text) if word]


def _with_hours(words: Iterable[str]) -> list[str]:
    """A day and the hour behind it are one candle."""
    candles: list[str] = []
    for word in words:
        if candles and re.fullmatch(r"\d{1,2}:\d{2}", word):
            candles[-1] = f"{candles[-1]} {word}"
        else:
            candles.append(word)
    return candles


def _parameters(text: str) -> list[Any]:
    """A set a line: names, each followed by its number."""
    sets = []
    for line in filter(None, map(str.strip, text.splitlines())):
        words = [word for word in re.split(r"[\s,;:=]+", line) if word]
        numbers = [number_of(word) for word in words[1::2]]
        sets.append(dict(zip(words[::2], [*numbers, None], strict=False)))
    return sets


_FIELD_OF = {"from": "start", "to": "end"} | dict.fromkeys(("params", "feature_sets", "test_windows"), "values")
_VALUES: dict[str, Callable[[str], list[Any]]] = {
    "params": _parameters,
    "feature_sets": _words,
    "test_windows": lambda text: [number_of(word) for word in _words(text)],
}
