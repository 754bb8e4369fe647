"""The form of an upload: how its files are to be read and stored."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django import forms

from instruments.imports.report import REJECT, SKIP
from instruments.imports.schema import ReadingOptions
from instruments.imports.uploads import upload_columns
from instruments.models import Timeframe, Upload
from instruments.quant.ingest.headers import FIELDS

LABELS = {
    "time": "Date",
    "open": "Open",
    "high": "High",
    "low": "Low",
    "close": "Close",
    "volume": "Volume",
    "adj_close": "Adjusted close",
    "symbol": "Symbol",
}
_SELECT = forms.Select(attrs={"class": "form-select form-select-sm"})


def _text(placeholder: str) -> forms.TextInput:
    attributes = {"class": "form-control form-control-sm", "placeholder": placeholder, "autocomplete": "off"}
    return forms.TextInput(attrs=attributes)


class UploadForm(forms.Form):
    """As recognised, or as somebody said before; `options` and `body` are there after `is_valid()`."""

    symbol = forms.CharField(
        required=False, max_length=32, label="Instrument of all files", widget=_text("as each file says")
    )
    timeframe = forms.ChoiceField(
        required=False, choices=[("", "as the dates say"), *Timeframe.choices], label="Timeframe", widget=_SELECT
    )
    date_order = forms.ChoiceField(
        required=False,
        choices=[("", "as the other dates tell"), ("day", "3 April (day first)"), ("month", "March 4 (month first)")],
        label="03/04 is",
        widget=_SELECT,
    )
    source = forms.CharField(required=False, max_length=60, label="Source", widget=_text("each file's name"))
    universe = forms.CharField(required=False, max_length=40, label="Add to the universe", widget=_text("none"))
    on_bad = forms.ChoiceField(
        required=False,
        choices=[(REJECT, "store nothing of that file"), (SKIP, "store its good rows")],
        label="Where a file has bad rows",
        widget=_SELECT,
    )
    keep_as = forms.CharField(
        required=False, max_length=40, label="Keep how they are read as", widget=_text("a name, for files to come")
    )
    overwrite = forms.BooleanField(
        required=False,
        label="Overwrite bars that another source stored",
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def __init__(self, upload: Upload, data: Mapping[str, Any] | None = None) -> None:
        self.upload = upload
        self.recognised, names = upload_columns(upload)
        initial = {**upload.options, **{f"column_{field}": name for field, name in self.recognised.items()}}
        super().__init__(data, initial=initial)
        choices = [("", "none"), *((name, name) for name in names if name)]
        for field in FIELDS:
            self.fields[f"column_{field}"] = forms.ChoiceField(
                required=False, choices=choices, label=LABELS[field], widget=_SELECT
            )

    @property
    def settings(self) -> list[forms.BoundField]:
        return [self[name] for name in ("symbol", "timeframe", "date_order", "source", "universe")]

    @property
    def columns(self) -> list[forms.BoundField]:
        return [self[f"column_{field}"] for field in FIELDS]

    def options(self) -> ReadingOptions:
        given = self.cleaned_data
        # Only what differs: files of other shapes in the same upload keep what was recognised in them.
        changed = {
            field: given[f"column_{field}"]
            for field in FIELDS
            if f"column_{field}" in self.data and given[f"column_{field}"] != self.recognised.get(field, "")
        }
        return ReadingOptions(
            columns={**self.upload.options.get("columns", {}), **changed},
            **{name: given[name] for name in ("symbol", "timeframe", "date_order", "source")},
        )

    def body(self) -> dict[str, Any]:
        """As POST …/store takes it."""
        given = self.cleaned_data
        more = {name: given[name] for name in ("universe", "on_bad", "overwrite") if given[name]}
        return {name: value for name, value in msgspec.to_builtins(self.options()).items() if value} | more
