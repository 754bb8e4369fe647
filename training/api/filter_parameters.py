"""The filters of runs as the API's schema lists them, from the filter set itself."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from training.filters.fields import SHARE, ShareFilter
from training.filters.runs import RunFilter


def _parameters() -> list[OpenApiParameter]:
    parameters = []
    for name, each in RunFilter.base_filters.items():
        choices = each.extra.get("choices")
        enum = [value for value, _ in choices] if choices and not callable(choices) else None
        about = f"{each.label[0].upper()}{each.label[1:]}"
        kind = (
            {"type": "string", "pattern": f"^{SHARE.pattern}$"} if isinstance(each, ShareFilter) else OpenApiTypes.STR
        )
        parameters.append(OpenApiParameter(name, kind, enum=enum, description=about))
    return parameters


RUN_FILTERS = _parameters()
