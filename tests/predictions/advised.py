"""A universe with an active model that was trained up to its 400th bar of 420."""

from datetime import date
from typing import Any

import numpy as np

from instruments.models import Series
from instruments.store.read_bars import load_bars
from tests.prepared import prepare
from tests.training.universe import carried_universe, make_universe
from training.models import ModelVersion
from training.registry.activation import model_activate

TRAINED = 400  # bars that the model has seen


def day_of(position: int) -> date:
    """The day of the bar at this position of the first series."""
    found: date = np.datetime64(int(load_bars(Series.objects.order_by("pk")[0]).time[position]), "s").astype(object)
    return date(found.year, found.month, found.day)


def advised(**options: Any) -> ModelVersion:
    """Universe `few`, trained as of the bar before TRAINED with a horizon of 5, and active."""
    prepare(f"advised {options}", lambda: (make_universe(), trained_model(**options)))
    return ModelVersion.objects.select_related("run").latest("pk")


def trained_model(**options: Any) -> ModelVersion:
    run = carried_universe(as_of=day_of(TRAINED - 1).isoformat(), **options)
    model = ModelVersion.objects.select_related("run").get(pk=run.model_version.pk)
    model_activate(model=model, user=None, reason="for the test", override=True)
    return model
