from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TrainingConfig(AppConfig):
    name = "training"

    def ready(self) -> None:
        from training.queue import release  # noqa: PLC0415 - its tables are known only now

        post_migrate.connect(release.write, sender=self)
