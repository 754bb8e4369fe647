"""A process that has imported what `manage.py worker` imports, and forks such commands: saves seconds of a processor
for each. multiprocessing's fork server imports this module first.
"""

import os

import django
from django.apps import apps
from django.core.management import execute_from_command_line

if not apps.ready:
    django.setup()

from training.recipes.kinds import load_executors
from training.worker import supervisor  # noqa: F401  (the command itself imports it only when it is called)

load_executors()


def work() -> None:
    """As `manage.py worker` in a session of its own."""
    os.setsid()
    execute_from_command_line(["manage.py", "worker"])
