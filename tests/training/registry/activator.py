"""A process that activates a model by the service and stops inside of it, for as long as nobody tells it to go on:

    python -m tests.training.registry.activator VERSION COUNT SQL

stops after the COUNT-th statement that begins so.
"""

import sys
from collections.abc import Callable
from typing import Any

import django
from django.db import connection


def main(version: str, count: int, sql: str) -> None:
    from training.models import ModelVersion  # noqa: PLC0415  (models can be imported from here on)
    from training.registry.activation import model_activate  # noqa: PLC0415

    seen = 0

    def stop(execute: Callable[..., Any], statement: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal seen
        done = execute(statement, params, many, context)
        seen += statement.startswith(sql)
        if seen == count and statement.startswith(sql):
            print("stopped", flush=True)  # noqa: T201
            sys.stdin.readline()
        return done

    model = ModelVersion.objects.select_related("run", "series__instrument").get(version=version)
    with connection.execute_wrapper(stop):
        model_activate(model=model, user=None, reason="in a process that ends")


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
