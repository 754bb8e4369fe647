"""The form of a candle run that can have its settings searched first."""

from dataclasses import replace
from typing import Any

from django import forms

from training.quant.candle.spec import SEARCHED_RANGES, CandleSpec, SpecError
from training.recipes.candle.form import CandleForm, NumberField
from training.recipes.study.spec import SPACE, STUDY_RANGES, StudySpec, parse_study_spec

# Of a setting the form's field: `folds` alone are those of the run.
FIELDS = {name: "study_folds" if name == "folds" else name for name in STUDY_RANGES}


class StudyForm(CandleForm):
    """`study` is there after `is_valid()`: None unless "Optimize first" is ticked."""

    optimize = forms.BooleanField(
        required=False, label="Optimize first", widget=forms.CheckboxInput(attrs={"class": "form-check-input"})
    )
    space = forms.MultipleChoiceField(
        choices=[(name, SEARCHED_RANGES[name].label) for name in SPACE],
        required=False,
        label="Parameters to search",
        initial=list(SPACE),
    )

    study: StudySpec | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in FIELDS.items():
            self.fields[field] = NumberField(STUDY_RANGES[name])
            del self.fields[field].widget.attrs["required"]  # hidden unless the box is ticked

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("optimize") and cleaned.get("folds"):
            self.add_error("folds", "Leave it empty with Optimize first: the study has folds of its own.")
        if cleaned.get("optimize") and not self.errors:
            try:
                self.study = parse_study_spec(self._study_body())
            except SpecError as error:
                self.refuse(SpecError({FIELDS.get(name, name): messages for name, messages in error.errors.items()}))
        return cleaned

    def requested(self, **unshown: Any) -> CandleSpec | StudySpec:
        """The run, or the study before it, with settings that the form has no field for."""
        run = replace(self.spec, **unshown)
        return replace(self.study, run=replace(self.study.run, **unshown)) if self.study else run

    @property
    def study_numbers(self) -> list[forms.BoundField]:
        return [self[field] for field in FIELDS.values()]

    @property
    def searched(self) -> list[tuple[str, str, bool]]:
        """The check boxes of parameters: name, label, whether it is ticked."""
        ticked = self["space"].value() or ()
        return [(name, SEARCHED_RANGES[name].label, name in ticked) for name in SPACE]

    def _study_body(self) -> dict[str, Any]:
        """A study looks for the rounds itself, whatever an earlier one found."""
        body = self.body() | {name: self.cleaned_data.get(field) for name, field in FIELDS.items()}
        body["space"] = self.cleaned_data.get("space")
        body["params"].pop("rounds", None)
        return body
