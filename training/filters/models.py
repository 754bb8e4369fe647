"""What models may be filtered by, for page and API alike."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from training.filters.fields import SELECT, instrument_filter
from training.models import ModelVersion
from training.recipes.candle.schema import CandleModel
from training.recipes.ensemble.schema import EnsembleModel
from training.recipes.kinds import label_of
from training.recipes.universe.schema import UniverseModel

RECORDS = {str(record.__struct_config__.tag): record for record in (CandleModel, EnsembleModel, UniverseModel)}


def _kinds() -> list[tuple[str, str]]:
    """All that there may be: a program may ask for models of a kind before there is one."""
    return [(kind, label_of(kind)) for kind in RECORDS]


def _universes() -> list[tuple[str, str]]:
    names = ModelVersion.objects.exclude(universe="").values_list("universe", flat=True)
    return [(name, name) for name in names.order_by("universe").distinct()]


class ModelFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """`kind`, `symbol` (of a candle model's instrument), `universe`, and `active` (yes or no)."""

    kind = django_filters.ChoiceFilter(
        choices=_kinds,
        empty_label="any kind",
        widget=SELECT,
    )
    symbol = instrument_filter(field_name="series__instrument")
    universe = django_filters.ChoiceFilter(choices=_universes, empty_label="any universe", widget=SELECT)
    active = django_filters.ChoiceFilter(
        method="by_active",
        choices=[("yes", "active"), ("no", "not active")],
        empty_label="active or not",
        label="Active",
        widget=SELECT,
    )

    class Meta:
        model = ModelVersion
        fields: list[str] = []

    def by_active(self, rows: QuerySet[ModelVersion], _name: str, answer: Any) -> QuerySet[ModelVersion]:
        return rows.filter(is_active=answer == "yes")
