"""Which release of the code claims runs: the one that `migrate` was last called with.

A deploy ends with `migrate`. Workers that still run other code then finish what they hold and claim nothing more, so
that no run is worked on by code that the tables were not made for.
"""

from functools import cache

from django.db.models import QuerySet

from boursomatic.shared import source_code
from training.models import DeployedRelease

_ROW = 1


@cache
def ours() -> str:
    """Of this process, as the files were when it first asked: a worker command asks when it starts."""
    return source_code.release()


def deployed() -> str | None:
    """None where no `migrate` has written it."""
    return DeployedRelease.objects.filter(pk=_ROW).values_list("release", flat=True).first()


def other() -> QuerySet[DeployedRelease]:
    """The deployed one where it isn't this process's."""
    return DeployedRelease.objects.filter(pk=_ROW).exclude(release=ours())


def is_ours() -> bool:
    return not other().exists()


def write() -> None:
    """This process's release is the deployed one from now on. Also called by the end of `migrate`."""
    DeployedRelease.objects.update_or_create(pk=_ROW, defaults={"release": ours()})
