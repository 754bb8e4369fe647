"""A run's parts side by side for a command: each in a process of its own, so many at a time.

The command starts no thread while it forks: a lock that a thread holds at that moment stays locked in the child. So
the loop that watches the children also says that what waits for its turn lives.
"""

import time
from collections.abc import Sequence
from functools import partial

from django.db import Error as DbError
from django.db import connection, connections
from django.utils.module_loading import import_string

from training.queue import leases
from training.recipes.kinds import recipe_of
from training.worker.child import Child
from training.worker.execute import Tell, execute
from training.worker.outcome import OutcomeKind, RunOutcome
from training.worker.runner import TICK_S, Held, Watch, conclude


class SideBySide:
    """Up to `jobs` processes over what they hold; `family`: all runs whose leases are kept until they are over."""

    def __init__(self, family: Sequence[Held], *, jobs: int, tell: Tell | None) -> None:
        self.waiting, self.jobs, self.tell = list(family), jobs, tell
        self.running: list[Watch] = []
        self.beaten = time.monotonic()

    def until_all_ended(self) -> None:
        """Each but the last, which is the whole. What lost its process is back in the queue. Ctrl-C kills what is
        running and is raised."""
        for kind in {held.kind for held in self.waiting}:
            import_string(recipe_of(kind).execute)  # or each child would take a second for it
        try:
            while len(self.waiting) > 1 or self.running:
                while len(self.waiting) > 1 and len(self.running) < self.jobs:
                    self._start(self.waiting.pop(0))
                for watch in list(self.running):
                    if outcome := watch.look(TICK_S / len(self.running)):
                        self._end(watch, outcome)
                self._beat()
        finally:
            for watch in self.running:
                watch.child.kill()

    def _start(self, held: Held) -> None:
        connections.close_all()  # a connection must not be shared over the fork: each side opens its own
        work = partial(execute, run_pk=held.pk, token=held.token, tell=self.tell)
        recipe = recipe_of(held.kind)
        self.running.append(Watch(held, Child.start(work, memory=recipe.memory), recipe.time_limit_s))

    def _end(self, watch: Watch, outcome: RunOutcome) -> None:
        self.running.remove(watch)
        watch.child.kill()
        conclude(watch.held, outcome)
        if outcome.outcome == OutcomeKind.CANCELLED:
            for held in self.waiting[:-1]:
                conclude(held, outcome)
            del self.waiting[:-1]

    def _beat(self) -> None:
        if time.monotonic() - self.beaten > leases.BEAT_EVERY_S:
            beat(self.waiting)
            self.beaten = time.monotonic()


def beat(family: Sequence[Held]) -> None:
    """Says that these runs live, as far as the database can be reached now."""
    try:
        with leases.short_lock_timeout():
            for held in list(family):
                leases.beat(held.pk, held.token)
    except DbError:  # locked or away for a moment: the next round tries again
        connection.close()
