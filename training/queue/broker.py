"""The queue that django-q2 pulls from: rows in our own database, each handed out once.

A row here is only a kick: nothing in it is read, since a host with another SECRET_KEY, whose signature is none for us,
may have put it there. What is lost with a killed process is kicked again from the runs themselves
(`training.worker.supervisor`), so there is nothing to acknowledge or deliver twice, and no clock decides anything.
"""

import time
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from django.db import Error as DbError
from django.db import connections
from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.conf import Conf, logger
from django_q.humanhash import uuid
from django_q.models import OrmQ
from django_q.signing import SignedPackage

from training.queue import bell, hosts

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_RETRY_S = 1.0


class Kicks(ORM):  # type: ignore[misc]  # django-q2 has no types
    def enqueue(self, task: str) -> int:
        made: int = self.get_connection().create(key=self.list_key, payload=task, lock=_LONG_AGO).pk
        ring()
        return made

    def dequeue(self) -> list[tuple[int, str]] | None:
        try:
            row = self.get_connection().filter(key=self.list_key).order_by("pk").first()
            if row is None or not hosts.is_open():
                self._bell.wait(Conf.POLL)
                return None
            mine = self.get_connection().filter(pk=row.pk).delete()[0]  # one of several pushers deletes it
            return [(row.pk, self._kick)] if mine else None
        except DbError as problem:
            logger.warning("The queue can't be read, trying again: %s", str(problem).strip())
            connections.close_all()
            time.sleep(_RETRY_S)
            return None

    @cached_property
    def _kick(self) -> str:
        """As django-q2 wants a task."""
        name, number = uuid()
        look = {"func": "training.worker.runner.execute_run", "args": (), "kwargs": {}, "save": False}
        signed: str = SignedPackage.dumps({"id": number, "name": name, "started": timezone.now(), **look})
        return signed

    @cached_property
    def _bell(self) -> bell.Listener:
        """Of the pusher, the only process that reads."""
        return bell.listener(Conf.ORM)

    def acknowledge(self, task_id: int) -> None:
        """Handed out is done."""

    def set_stat(self, key: str, value: str, timeout: int) -> None:
        """Twice a second django-q2 would write a file that nobody reads: presence is in `training.worker.heartbeat`."""

    def queue_size(self) -> int:
        waits: int = waiting().count()
        return waits


def ring() -> None:
    """Has all readers look at the kicks that wait."""
    bell.ring(Conf.ORM)


def waiting() -> Any:
    """The kicks that nobody has taken."""
    return OrmQ.objects.filter(key=Conf.CLUSTER_NAME)
