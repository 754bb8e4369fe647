"""The form of an upload: how its files are to be read and stored."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django import forms

from instruments.imports.report import REJECT, SKIP
from instruments.imports.schema import ReadingOptions
from instruments.imports.uploads import upload_columns
from instruments.models import Source, Timeframe, Upload
from instruments.quant.ingest.headers import FIELDS
from instruments.sources.base import Key, Option, SourceKind

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
_CHECK = forms.CheckboxInput(attrs={"class": "form-check-input"})
_SECRET = forms.PasswordInput(attrs={"class": "form-control form-control-sm"})


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
        widget=_CHECK,
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


class SourceForm(forms.Form):
    """A source of a kind, new or to be changed. What its options can't be is the service's to say: `refuse`."""

    def __init__(self, kind: SourceKind, source: Source | None = None, data: Mapping[str, Any] | None = None) -> None:
        self.kind, self.source = kind, source
        super().__init__(
            data, initial={f"option_{name}": value for name, value in source.options.items()} if source else None
        )
        if source is None:
            self.fields["name"] = forms.CharField(
                required=False, max_length=40, label="Name", initial=kind.name, help_text="Its bars are stored under it"
            )
        for option in kind.options:
            self.fields[f"option_{option.name}"] = _option_field(option)
        if kind.key is not Key.NONE:
            self.fields["key"] = forms.CharField(
                required=False, label=kind.key_label, strip=True, help_text=self._key_help(), widget=_SECRET
            )
        if source and source.sealed_key and kind.key is Key.OPTIONAL:
            self.fields["forget_key"] = forms.BooleanField(required=False, label="Take the key away", widget=_CHECK)
        for name, field in self.fields.items():
            if not isinstance(field, forms.BooleanField):
                field.widget.attrs.setdefault("class", "form-control form-control-sm")
                field.widget.attrs["autocomplete"] = "new-password" if name == "key" else "off"

    @property
    def rows(self) -> list[forms.BoundField]:
        return [self[name] for name, field in self.fields.items() if not isinstance(field, forms.BooleanField)]

    def options(self) -> dict[str, str]:
        return {option.name: self.cleaned_data[f"option_{option.name}"] for option in self.kind.options}

    def key(self) -> str | None:
        """None where it stays as it is."""
        if self.cleaned_data.get("forget_key"):
            return ""
        return self.cleaned_data.get("key") or None

    def refuse(self, problems: Mapping[str, str]) -> None:
        """What a service said, beside the fields that it speaks of."""
        for name, text in problems.items():
            field = name.replace("options.", "option_")
            self.add_error(field if field in self.fields else None, text)

    def _key_help(self) -> str:
        if self.source and self.source.sealed_key:
            return "Stored, and never shown; empty leaves it as it is"
        return "Encrypted where it is stored, and never shown again"


def _option_field(option: Option) -> forms.Field:
    common: dict[str, Any] = {
        "required": False,
        "label": option.label,
        "initial": option.default,
        "help_text": option.help,
    }
    if option.choices:
        return forms.ChoiceField(choices=option.choices, widget=_SELECT, **common)
    return forms.CharField(max_length=option.longest, **common)
