"""Checks that nobody asks for: once a day, and after every import."""

from django.db.models import Max
from django.utils import timezone

from instruments.health.services import changed_series, checkable_series
from training.models import ACTIVE, TrainingRun
from training.recipes.check.spec import CHANGED, EVERYTHING, CheckSpec
from training.runs.services import run_create_scheduled


def checks_start() -> None:
    """Called by the worker command (settings.HOUSEKEEPING). Each check is made once, however many hosts ask for it; one
    at a time, so that what an import still writes is checked when it is done."""
    today = f"check of {timezone.now().date()}"
    if TrainingRun.objects.filter(kind=CheckSpec.kind, status__in=ACTIVE).exists():
        return
    if not TrainingRun.objects.filter(once_key=today).exists():
        if checkable_series().exists():
            run_create_scheduled(spec=CheckSpec(EVERYTHING), once_key=today)
        return
    if newest := changed_series().aggregate(newest=Max("updated_at"))["newest"]:
        run_create_scheduled(spec=CheckSpec(CHANGED), once_key=f"check after {newest.isoformat()}")
