from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TrainingConfig(AppConfig):
    name = "training"

    def ready(self) -> None:
        from training.artifacts import marker  # noqa: PLC0415 - its tables are known only now
        from training.queue import release  # noqa: PLC0415

        post_migrate.connect(release.write, sender=self)
        post_migrate.connect(marker.settle, sender=self)
