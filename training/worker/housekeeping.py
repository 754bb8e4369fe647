"""What the worker command has done beside its runs, by a process of its own and a little at a time: retention, deleted
runs, orphaned files, and what other apps have asked for by name (settings.HOUSEKEEPING)."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any, NoReturn

from django.conf import settings
from django.db import Error as DbError
from django.db import connection, connections
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from boursomatic.notices import mails
from training.artifacts import integrity, marker
from training.models import TrainingRun
from training.queue import release
from training.recipes.kinds import recipes
from training.runs import deletion
from training.worker.child import Child

ROUND_S = 2.0
EVERY_S = 60.0
CALLS_EVERY_S = 10.0  # what other apps asked for: somebody may be looking at the page and wait for it
ORPHANS_EVERY_S = 3600.0
MAILING_S = 120.0  # a mail server that takes longer is left; what it was given is told from what it was not
AT_ONCE = 50  # runs removed in one round: the other steps have their turn between
log = logging.getLogger("boursomatic.worker")


def keep_house() -> NoReturn:
    """The process's life, which ends with the worker command's."""
    housekeeper = Housekeeper()
    while True:
        if housekeeper.is_due():
            _attempt("a round", partial(_round, housekeeper))
        time.sleep(ROUND_S)


class Housekeeper:
    """Several hosts may do the same at the same time: each step is harmless when it finds nothing left to do.

    A step that fails is logged and tried again in the next round; it keeps no other from its turn.
    """

    def __init__(self) -> None:
        self.due = self.calls_due = self.orphans_due = time.monotonic()
        self.expired: date | None = None  # the day on which retention was seen to
        self.mailer: Child | None = None
        self.mailing_since = 0.0

    def is_due(self) -> bool:
        return time.monotonic() >= min(self.due, self.calls_due)

    def work(self) -> None:
        """Does what is due; at once again where there was more than one round's work."""
        now = time.monotonic()
        if now >= self.calls_due:
            self.calls_due = now + CALLS_EVERY_S
            for name in settings.HOUSEKEEPING:
                _attempt(name, partial(_call, name))
            _attempt("mails", self._mail)
        if now < self.due:
            return
        self.due = now + EVERY_S
        today = datetime.now(UTC).date()
        if self.expired != today and _attempt("retention", delete_expired) is not None:
            self.expired = today
        if _attempt("deleted runs", lambda: deletion.sweep_deleted(AT_ONCE)) == AT_ONCE:
            self.due = now
        if now >= self.orphans_due and _attempt("orphaned folders", sweep_orphans) is not None:
            self.orphans_due = now + ORPHANS_EVERY_S

    def _mail(self) -> None:
        """A process of its own sends what waits: a mail server takes its time."""
        if self.mailer is not None:
            if not self.mailer.wait(0) and time.monotonic() - self.mailing_since < MAILING_S:
                return
            mailer, self.mailer = self.mailer, None
            mailer.kill()
        if mails.mails_waiting():
            connections.close_all()  # not to be shared over the fork
            self.mailer, self.mailing_since = Child.start(_mails_send), time.monotonic()


def _round(housekeeper: Housekeeper) -> None:
    """Not by code of before, nor beside another artifact store than the database's."""
    if release.is_ours() and not marker.problem():
        housekeeper.work()


def _mails_send() -> None:
    try:
        mails.mails_send()
    except Exception:
        log.exception("Mails of notices could not be sent; those that were not begun are sent later.")


def _call(name: str) -> None:
    import_string(name)()


def _attempt(name: str, step: Callable[[], Any]) -> Any:
    """What `step` returns, or None where it raised: others have their turn."""
    try:
        return step()
    except (DbError, OSError) as problem:  # locked, full or away for a moment
        log.info("Housekeeping (%s) is tried again: %s", name, str(problem).strip())
        connection.close()
    except Exception:
        log.exception("Housekeeping (%s) failed; it is tried again.", name)
    return None


def delete_expired() -> int:
    """Deletes runs that ended longer ago than their kind is kept: as its recipe says, else BOURSOMATIC_RETENTION_DAYS
    says, if set. Pinned ones stay."""
    days: dict[int, list[str]] = {}
    for kind, recipe in recipes().items():
        days.setdefault(recipe.keep_days or settings.RETENTION_DAYS, []).append(kind)
    deleted = 0
    for kept, kinds in days.items():
        if kept:
            old = TrainingRun.objects.filter(kind__in=kinds, finished_at__lt=Now() - timedelta(days=kept))
            deleted += deletion.runs_delete(old, user=None, why=f"ended more than {kept} days ago")
    if deleted:
        log.info("%d runs ended longer ago than they are kept and are deleted.", deleted)
    return deleted


def sweep_orphans() -> int:
    """Removes folders that runs known to be over have left behind."""
    found = integrity.orphans(sure=True)
    if found:
        log.warning("Removing %d orphaned folders: %s", len(found), ", ".join(found[:5]))
        integrity.discard(found)
    return len(found)
