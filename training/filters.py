"""What runs may be filtered by, for page and API alike."""

import django_filters
from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet

from instruments.models import Instrument
from training.models import Status, TrainingRun

_SELECT = forms.Select(attrs={"class": "form-select form-select-sm"})


def _people(request: object) -> QuerySet[User]:
    return User.objects.filter(runs__isnull=False).distinct().order_by("username")


class RunFilter(django_filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """`status`, `symbol` (of the instrument) and `person` (user name of who asked for the run)."""

    status = django_filters.ChoiceFilter(choices=Status.choices, empty_label="any status", widget=_SELECT)
    symbol = django_filters.ModelChoiceFilter(
        field_name="series__instrument",
        queryset=Instrument.objects.all(),
        to_field_name="symbol",
        empty_label="any instrument",
        widget=_SELECT,
    )
    person = django_filters.ModelChoiceFilter(
        field_name="created_by", queryset=_people, to_field_name="username", empty_label="anybody", widget=_SELECT
    )

    class Meta:
        model = TrainingRun
        fields: list[str] = []
