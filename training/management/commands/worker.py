"""`manage.py worker`: carries runs on this host until TERM or Ctrl-C; what systemd runs in production."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from training.worker import supervisor


class Command(BaseCommand):
    help = (
        "Carries training runs on this host until TERM or Ctrl-C, with BOURSOMATIC_WORKERS processes. "
        "Several hosts may share one PostgreSQL. Runs that are interrupted go back to the queue."
    )

    requires_system_checks: list[str] = []  # they would load every page before the first run is taken

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(supervisor.run())
