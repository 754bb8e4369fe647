"""Fields of filters that take nothing but what they ask for: text, a day, a share from 0 to 1."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import django_filters
from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from instruments.models import Instrument

_SMALL = "form-control form-control-sm"
SELECT = forms.Select(attrs={"class": "form-select form-select-sm"})
DAY = re.compile(r"(19|20|21)\d\d-\d\d-\d\d", re.ASCII)
SHARE = re.compile(r"[01]|0?\.[0-9]{1,16}|1\.0{1,16}|[0-9](?:\.[0-9]{1,16})?e-(?:0?[1-9]|[1-9][0-9])")


OFFERED = 200  # instruments: a page with an option for each of thousands takes longer than all the rest of it


class SymbolInput(forms.TextInput):
    """A symbol as typed; the first ones are offered."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        symbols = Instrument.objects.values_list("symbol", flat=True)[:OFFERED]
        options = format_html_join("", '<option value="{}"></option>', ((symbol,) for symbol in symbols))
        offered = format_html('<datalist id="offered-{}">{}</datalist>', name, options)
        own = {"list": f"offered-{name}", "size": 12, "autocomplete": "off", "placeholder": "any instrument"}
        return super().render(name, value, {**(attrs or {}), **own, "class": _SMALL}, renderer) + offered


def instrument_filter(**more: Any) -> django_filters.ModelChoiceFilter:
    return django_filters.ModelChoiceFilter(
        label="Instrument", queryset=Instrument.objects.all(), to_field_name="symbol", widget=SymbolInput, **more
    )


class CheckedField(forms.CharField):
    """Text as typed, made into a value by `check`, whose ValueError is the message."""

    def __init__(self, *, check: Callable[[str], Any] = str, **more: Any) -> None:
        self.check = check
        super().__init__(**more)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        try:
            return self.check(text) if text else None
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class TextFilter(django_filters.Filter):  # type: ignore[misc]  # django-filter has no types
    """Where no `example` stands in it, its label does: the bar of filters has no room for both."""

    field_class = CheckedField

    def __init__(self, *, label: str, max_length: int = 30, example: str = "", **more: Any) -> None:
        attrs = {"class": _SMALL, "placeholder": example or label, "size": max(12, len(label)), "autocomplete": "off"}
        super().__init__(label=label, max_length=max_length, widget=forms.TextInput(attrs=attrs), **more)


class DayFilter(TextFilter):
    """A day as 2023-06-15: its midnight, UTC."""

    def __init__(self, *, label: str, **more: Any) -> None:
        super().__init__(label=label, example="YYYY-MM-DD", check=_day, **more)


class ShareFilter(TextFilter):
    """A number from 0 to 1."""

    def __init__(self, *, label: str, **more: Any) -> None:
        super().__init__(label=label, example="0 to 1", check=_share, **more)


def _day(text: str) -> datetime:
    if not DAY.fullmatch(text):
        raise ValueError("Must be a day from 1900 to 2199, written as 2023-06-15.")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"There is no day {text}.") from error


def _share(text: str) -> float:
    if not SHARE.fullmatch(text):
        raise ValueError("Must be a number from 0 to 1, such as 0.55 or 1e-4.")
    return float(text)
