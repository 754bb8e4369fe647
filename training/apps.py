from typing import Any

from django.apps import AppConfig
from django.apps import apps as present_apps
from django.db.models.signals import post_migrate


class TrainingConfig(AppConfig):
    name = "training"

    def ready(self) -> None:
        post_migrate.connect(_migrated, sender=self)


def _migrated(*, apps: Any = present_apps, **_: Any) -> None:
    """The end of `migrate`: `apps` as they are then, which of one that goes back may lack a table."""
    from training.artifacts import marker  # noqa: PLC0415 - its tables are known only now
    from training.queue import release  # noqa: PLC0415

    tables = apps.all_models["training"]
    if "deployedrelease" in tables:
        release.write()
    if "storemarker" in tables:
        marker.settle()
