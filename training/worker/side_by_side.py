"""Runs side by side for a command: each in a process of its own, so many at a time.

The command starts no thread while it forks: a lock that a thread holds at that moment stays locked in the child. So
the loop that watches the children also says that what waits for its turn lives. Nor does it train: a parent whose
LightGBM used threads hangs its children.
"""

import os
import time
from collections.abc import Sequence
from functools import partial

from django.db import Error as DbError
from django.db import connection, connections
from django.utils.module_loading import import_string

from training.models import TrainingRun
from training.queue import leases
from training.recipes.kinds import recipe_of
from training.worker.child import Child
from training.worker.cores import free_cores
from training.worker.execute import Tell, execute
from training.worker.executors import load_executor
from training.worker.limits import limits_of
from training.worker.outcome import OutcomeKind, RunOutcome
from training.worker.runner import TICK_S, Held, Watch, conclude


class SideBySide:
    """Up to `jobs` processes over `runs`; the leases of `others` are kept until they are over."""

    def __init__(self, runs: Sequence[Held], others: Sequence[Held] = (), *, jobs: int, tell: Tell | None) -> None:
        self.waiting, self.others, self.tell = list(runs), others, tell
        self.jobs = min(jobs, len(runs))
        self.running: list[Watch] = []
        self.beaten = time.monotonic()
        self.outcome = RunOutcome(OutcomeKind.DONE)  # of what ended last

    def until_all_ended(self) -> RunOutcome:
        """How the last of them to end did. What lost its process is back in the queue. Ctrl-C kills what is running and
        is raised."""
        for kind in {held.kind for held in self.waiting}:
            import_string(recipe_of(kind).execute)  # or each child would take a second for it
        load_executor()
        try:
            while self.waiting or self.running:
                while self.waiting and len(self.running) < self.jobs:
                    self._start(self.waiting.pop(0))
                for watch in list(self.running):
                    if outcome := watch.look(TICK_S / len(self.running)):
                        self._end(watch, outcome)
                self._beat()
        finally:
            for watch in self.running:
                watch.child.kill()
        return self.outcome

    def _start(self, held: Held) -> None:
        limits = limits_of(held.kind, TrainingRun.objects.values_list("universe", flat=True).get(pk=held.pk))
        connections.close_all()  # a connection must not be shared over the fork: each side opens its own
        work = partial(execute, run_pk=held.pk, token=held.token, tell=self.tell, cores=self._cores)
        with held.in_logs():  # which the child keeps
            child = Child.start(work, memory=limits.memory)
        self.running.append(Watch(held, child, limits.seconds))

    def _end(self, watch: Watch, outcome: RunOutcome) -> None:
        self.running.remove(watch)
        watch.child.kill()
        conclude(watch.held, outcome)
        self.outcome = outcome
        if outcome.outcome == OutcomeKind.CANCELLED:
            for held in self.waiting:
                conclude(held, outcome)
            self.waiting.clear()

    def _cores(self) -> int:
        """That one of them may use."""
        return max(1, free_cores(os.getppid()) // self.jobs)

    def _beat(self) -> None:
        if time.monotonic() - self.beaten > leases.BEAT_EVERY_S:
            beat([*self.waiting, *self.others])
            self.beaten = time.monotonic()


def beat(family: Sequence[Held]) -> None:
    """Says that these runs live, as far as the database can be reached now."""
    try:
        with leases.short_lock_timeout():
            for held in list(family):
                leases.beat(held.pk, held.token)
    except DbError:  # locked or away for a moment: the next round tries again
        connection.close()
