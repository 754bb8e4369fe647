"""`/healthz`: this process serves. `/readyz`: the whole platform can do its work, or what is missing."""

import functools
import threading

from django.db import Error as DbError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils.log import log_response

from boursomatic.accounts.permissions import public
from training.artifacts import marker
from training.queue import hosts
from training.web.metrics import metrics

OTHER_STORE = (  # open to everyone: the rest is for who runs the site
    "The artifact store can't be reached, or is not this database's. Mount or name the right one; "
    "python manage.py verify_artifacts says more."
)


class Store:
    """Whether it is this database's, asked by one thread at a time: anybody may call this, and a store that is away
    takes its time to say so. Meanwhile others get the answer of before."""

    def __init__(self) -> None:
        self._asking, self._is_amiss = threading.Lock(), False

    def is_amiss(self) -> bool:
        if self._asking.acquire(blocking=False):
            try:
                self._is_amiss = bool(marker.problem())
            finally:
                self._asking.release()
        return self._is_amiss


STORE = Store()


class NotMigrated(Exception):
    """The database lacks tables or columns that this code needs."""


@functools.cache
def check_migrations() -> None:
    """Asked until it has been true once: a database is not un-migrated under a running process."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigrated


@public
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@public
def readyz(request: HttpRequest) -> JsonResponse:
    missing: dict[str, str] = {}
    try:
        connection.ensure_connection()
        check_migrations()
        if why := hosts.absent():
            missing["worker"] = f"{why}. Start one of this release, beside that store: python manage.py worker."
        if STORE.is_amiss():
            missing["artifacts"] = OTHER_STORE
    except NotMigrated:
        missing["migrations"] = "The database is not migrated. Run: python manage.py migrate."
    except DbError:
        missing["database"] = "The database does not answer. See that it runs and that DATABASE_URL is right."
    if missing:
        answer = JsonResponse({"status": "unavailable", "missing": missing}, status=503)
        # Once, here: Django would log it as an error of ours.
        log_response("Not ready for lack of: %s", ", ".join(missing), response=answer, request=request, level="warning")
        return answer
    return JsonResponse({"status": "ready"})


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
