"""Runs with parts whose parts come to nothing."""

from functools import cache

from django.db.models import Exists, OuterRef

from training.models import ACTIVE, Status, TrainingRun
from training.queue import leases
from training.recipes.base import Parent
from training.recipes.kinds import recipes


def cancel_broken_families() -> None:
    """Where one part failed and the whole can't do without it, the parts still to come are cancelled; then it is the
    whole's turn, which says why it failed. One query where nothing is broken."""
    parts = TrainingRun.objects.filter(parent=OuterRef("pk"))
    broken = TrainingRun.objects.filter(
        Exists(parts.filter(status__in=(Status.FAILED, Status.CANCELLED))),
        Exists(parts.filter(status__in=ACTIVE)),
        status__in=ACTIVE,
        kind__in=_kinds(),
    )
    for pk in TrainingRun.objects.filter(parent__in=broken, status__in=ACTIVE).values_list("pk", flat=True):
        leases.request_cancel(pk)


@cache
def _kinds() -> list[str]:
    return [
        kind for kind, recipe in recipes().items() if isinstance(recipe, Parent) and recipe.on_part_failure == "fail"
    ]
