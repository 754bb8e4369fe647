"""The filters of runs and models as the API's schema lists them, from the filter sets themselves."""

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiParameter

from boursomatic.shared.openapi import day_of
from training.filters.fields import SHARE, DayFilter, ShareFilter, TextFilter
from training.filters.models import ModelFilter
from training.filters.runs import RunFilter

_STORED = ("symbol", "universe", "person")  # whose values are rows


def _schema(name: str, each: Any) -> dict[str, Any]:
    """What a filter takes; as on the page an empty one is none."""
    if isinstance(each, ShareFilter):
        return {"type": "string", "pattern": f"^(?:{SHARE.pattern})?$"}
    if isinstance(each, DayFilter):
        return {"type": "string", "pattern": f"^(?:{day_of('19|2[01]')})?$"}
    if isinstance(each, TextFilter):
        return {"type": "string", "maxLength": each.extra["max_length"]}
    if isinstance(each, django_filters.ChoiceFilter) and name not in _STORED:
        choices = each.extra["choices"]
        return {"type": "string", "enum": ["", *(value for value, _ in (choices() if callable(choices) else choices))]}
    return {"type": "string"}


def _parameters(filters: Any) -> list[OpenApiParameter]:
    labels = {name: each.label or name for name, each in filters.base_filters.items()}
    return [
        OpenApiParameter(name, _schema(name, each), description=f"{labels[name][0].upper()}{labels[name][1:]}")
        for name, each in filters.base_filters.items()
    ]


RUN_FILTERS = _parameters(RunFilter)
MODEL_FILTERS = _parameters(ModelFilter)
