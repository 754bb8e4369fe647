"""The form of a candle run: its numbers come from the spec's ranges, and the spec alone judges what is sent."""

import json
import re
from collections.abc import Mapping
from typing import Any

from django import forms

from instruments.quant.features.names import FEATURE_GROUPS, FEATURE_SETS, feature_groups
from training.quant.candle.request import parse_candle_spec
from training.quant.candle.spec import (
    ADDED,
    AFTER_NAMES,
    AFTERS,
    DECISION_NAMES,
    DECISIONS,
    DEFAULT_FEATURE_SET,
    FOLDS,
    MODEL_NAMES,
    MODELS,
    OPTIONAL_RANGES,
    PROTOCOLS,
    RANGES,
    STEADY,
    CandleSpec,
    Range,
    SpecError,
    fixed_params,
    parse_time,
    ranges_with,
)

CHOSEN = "chosen"  # the feature set of ticked groups
PROTOCOL_LABELS = {
    "honest": "honest: stops early on validation, fits again on all",
    "poc": "poc: the original recipe",
    "steady": "steady: small trees, all settings fixed",
}


class NumberField(forms.CharField):
    """A number as typed; with the range that its slider and the server share. `any_step`: one that a search found lies
    between the slider's steps."""

    def __init__(self, setting: Range, *, any_step: bool = False, may_be_empty: bool = False) -> None:
        step = "any" if any_step and not setting.whole else f"{setting.step:g}"
        bounds: dict[str, Any] = {"min": f"{setting.low:g}", "max": f"{setting.high:g}", "step": step}
        bounds["required"] = not may_be_empty
        super().__init__(
            label=setting.label,
            required=False,
            max_length=20,
            initial="" if may_be_empty else f"{setting.default:g}",
            widget=forms.NumberInput(attrs={**bounds, "class": "form-control form-control-sm"}),
        )
        self.setting = setting

    def clean(self, value: Any) -> Any:
        return number_of(super().clean(value))


class CandleForm(forms.Form):
    """What the dialog sends. `spec` is there after `is_valid()`. With a `study_id` it has that study's params, of which
    those without a slider are hidden fields."""

    symbol = forms.CharField(required=False, widget=forms.HiddenInput)
    timeframe = forms.CharField(required=False, widget=forms.HiddenInput)
    study_id = forms.CharField(required=False, widget=forms.HiddenInput)
    # Text and not the browser's own date field: that writes days in the order of its own language.
    candle_date = forms.CharField(
        max_length=40,
        label="Candle (UTC)",
        widget=forms.TextInput(
            attrs={
                "class": "form-control form-control-sm",
                "required": True,
                "placeholder": "YYYY-MM-DD HH:MM",
                "autocomplete": "off",
            }
        ),
    )
    protocol = forms.ChoiceField(
        choices=[(name, PROTOCOL_LABELS[name]) for name in PROTOCOLS],
        required=False,
        widget=forms.Select(attrs={"class": "form-select form-select-sm"}),
    )
    feature_set = forms.ChoiceField(
        choices=[("", "the protocol's own"), *((name, name) for name in FEATURE_SETS), (CHOSEN, "as ticked")],
        required=False,
        widget=forms.Select(attrs={"class": "form-select form-select-sm", "data-own": json.dumps(DEFAULT_FEATURE_SET)}),
    )
    features = forms.MultipleChoiceField(choices=[(name, name) for name in FEATURE_GROUPS], required=False)
    model = forms.ChoiceField(
        choices=list(MODEL_NAMES.items()),
        required=False,
        widget=forms.Select(attrs={"class": "form-select form-select-sm"}),
    )
    decision = forms.ChoiceField(
        choices=list(DECISION_NAMES.items()),
        required=False,
        widget=forms.Select(attrs={"class": "form-select form-select-sm"}),
    )
    after = forms.ChoiceField(
        choices=list(AFTER_NAMES.items()),
        required=False,
        widget=forms.Select(attrs={"class": "form-select form-select-sm"}),
    )
    live = forms.BooleanField(
        required=False,
        label="Live: train without a test window where the future is missing",
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    spec: CandleSpec

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        study_id = str(self["study_id"].value() or "")
        for name, setting in ranges_with(study_id).items():
            self.fields[name] = NumberField(setting, any_step=bool(study_id))
        for name, setting in OPTIONAL_RANGES.items():
            self.fields[name] = forms.CharField(label=setting.label, required=False, widget=forms.HiddenInput)
        self.fields[FOLDS.name] = NumberField(FOLDS, may_be_empty=True)
        is_fixed = bool(fixed_params(self["protocol"].value(), self["model"].value()))
        for name, value in STEADY.items():
            attrs = self.fields[name].widget.attrs
            attrs |= {"data-steady": f"{value:g}", "data-own": f"{RANGES[name].default:g}"}  # for static/js/form.js
            if is_fixed:
                attrs["readonly"] = True

    def clean(self) -> dict[str, Any]:
        try:
            self.spec = parse_candle_spec(self.body())
        except SpecError as error:
            self.refuse(error)
        return self.cleaned_data

    def body(self) -> dict[str, Any]:
        """What is filled in, in the shape of the API's request."""
        cleaned = self.cleaned_data
        body: dict[str, Any] = {
            "symbol": cleaned.get("symbol", ""),
            "timeframe": cleaned.get("timeframe", ""),
            "candle_date": cleaned.get("candle_date", ""),
            "protocol": cleaned.get("protocol") or PROTOCOLS[0],
            "model": cleaned.get("model") or MODELS[0],
            "decision": cleaned.get("decision") or DECISIONS[0],
            "after": cleaned.get("after") or AFTERS[0],
            "live": cleaned.get("live", False),
            "params": {},
        }
        if cleaned.get("folds"):
            body["folds"] = cleaned["folds"]
        if cleaned.get("feature_set") == CHOSEN:
            body["features"] = cleaned.get("features", [])
        elif cleaned.get("feature_set"):
            body["feature_set"] = cleaned["feature_set"]
        left_out = {
            *fixed_params(body["protocol"], body["model"]),
            *(name for name in ADDED if not self.data.get(name)),
        }
        for name, setting in RANGES.items():
            if name not in left_out:
                (body["params"] if setting.in_params else body)[name] = cleaned.get(name)
        body["params"] |= {name: number_of(cleaned[name]) for name in OPTIONAL_RANGES if cleaned.get(name)}
        if cleaned.get("study_id"):
            body["study_id"] = cleaned["study_id"]
        return body

    def refuse(self, error: SpecError) -> None:
        """Messages go to the field they speak of; what has no field of its own goes above the form."""
        shown = {name for name, field in self.fields.items() if not isinstance(field.widget, forms.HiddenInput)}
        for name, messages in error.errors.items():
            for message in messages:
                self.add_error(name if name in shown else None, message)

    @property
    def sliders(self) -> list[forms.BoundField]:
        return [self[name] for name in RANGES if name not in ADDED]

    @property
    def advanced_sliders(self) -> list[forms.BoundField]:
        return [self[name] for name in RANGES if name in ADDED]

    @property
    def has_advanced(self) -> bool:
        """Whether one of these is not as it is by default, or refused."""
        return bool(self["folds"].value() or self["folds"].errors) or any(
            field.errors or str(field.value()) != f"{RANGES[field.name].default:g}" for field in self.advanced_sliders
        )

    @property
    def without_slider(self) -> list[forms.BoundField]:
        """Of a study's params those that are set."""
        return [self[name] for name in OPTIONAL_RANGES if self[name].value()]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The check boxes of feature groups, each with the sets that tick it."""
        ticked = self["features"].value() or ()
        return [
            {
                "name": name,
                "sets": " ".join(one for one, groups in FEATURE_SETS.items() if name in groups),
                "is_ticked": name in ticked,
            }
            for name in FEATURE_GROUPS
        ]


def initial_values(query: Mapping[str, str], config: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the form opens with: a run's own settings, over them what the address names."""
    values = dict(config or {})
    values["candle_date"] = query.get("candle") or values.get("candle", "")
    values |= {
        name: query[name]
        for name in (*RANGES, "symbol", "timeframe", "protocol", "feature_set", "model", "decision", "after", "folds")
        if query.get(name)
    }
    feature_set = values.get("feature_set") or DEFAULT_FEATURE_SET.get(
        values.get("protocol", ""), DEFAULT_FEATURE_SET["honest"]
    )
    values["features"] = feature_groups(feature_set)
    if values.get("feature_set") and feature_set not in FEATURE_SETS:
        values["feature_set"] = CHOSEN
    values["folds"] = values.get("folds") or ""  # 0: none
    values |= fixed_params(values.get("protocol", ""), values.get("model", ""))
    values.setdefault("timeframe", "1d")
    values["candle_date"] = _as_input(values["candle_date"])
    return values


def _as_input(candle: str) -> str:
    """An ISO time as the form shows it; what can't be read is left to the spec to refuse."""
    try:
        return f"{parse_time(candle):%Y-%m-%d %H:%M}"
    except ValueError:
        return candle[:40]


def number_of(text: str) -> float | int | str:
    """Digits as a number; anything else stays text, which the spec refuses with the range."""
    if re.fullmatch(r"[+-]?[0-9]{1,15}", text):
        return int(text)
    if re.fullmatch(r"[+-]?[0-9]{0,15}\.[0-9]{1,15}", text):
        return float(text)
    return text
