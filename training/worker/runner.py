"""Carries one run: claims it, has one child for it, watches the child, and writes the run's end if the child can't.

The one place where a run's exceptions become status, reason and sentence. The worker itself never trains: a parent
whose LightGBM used threads hangs its children.
"""

import logging
import os
import time
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DbError
from django.db import connection, connections
from structlog.contextvars import bound_contextvars

from boursomatic.shared.processes import SharedFlag
from boursomatic.shared.stores import StoreFailed
from training.artifacts import marker
from training.artifacts.storage import artifact_storage
from training.errors import RunWaits, StoreAway
from training.models import Priority, Reason, Status, TrainingRun
from training.queue import enqueue, hosts, leases
from training.queue.broker import ring, waiting
from training.worker.child import Child
from training.worker.cores import free_cores
from training.worker.execute import execute
from training.worker.families import cancel_broken_families
from training.worker.limits import limits_of
from training.worker.outcome import OutcomeKind, RunOutcome
from training.worker.rehearsal import rehearse

NICE = 10  # of children that nobody waits for
TICK_S = 0.1  # how soon a stop of the worker is seen; the end of the child is seen at once
CANCEL_EVERY_S = 0.25  # between its queries, for as long as the run goes on; a cancel is seen within this and a tick
NO_ROOM_S = 2.0  # before a run is given back whose process could not be forked
STOP_AT = 0.8  # share of the lease after which a child whose beat can't be written is stopped

STOPPING = SharedFlag()  # set by the worker command when it is told to stop; shared over its forks
log = logging.getLogger("boursomatic.worker")


@dataclass(frozen=True)
class Held:
    """An attempt at a run that this process has claimed."""

    pk: int
    run_id: str
    kind: str
    token: UUID
    attempt: int

    def in_logs(self) -> AbstractContextManager[None]:
        """Whatever is logged meanwhile names it."""
        return bound_contextvars(run_id=self.run_id, kind=self.kind, attempt=self.attempt)


def execute_run() -> None:
    """The task behind each wake-up: takes the run whose turn it is, which need not be the one that woke it."""
    while (turn := _turn()) is not None:
        if claim_and_execute(turn):
            break
    READY.fork()
    if _turn() is not None or hosts.is_for_others():
        _wake()  # its wake-up may have come while it had to wait, or to a host that could not take it


def _wake() -> None:
    """By a further wake-up, or where enough wait already, by having them looked at: else there would be one more with
    each run that ends while another can't be taken."""
    if waiting().count() <= settings.WORKERS:
        enqueue.enqueue()
    else:
        ring()


def _turn() -> int | None:
    """The run to take next; None at all where the artifact store is not this database's."""
    return None if marker.problem() else hosts.turn()


def claim_and_execute(run_pk: int) -> bool:
    """Claims the run and executes it to its end; False when another worker had it first."""
    room, may_take = hosts.room_for(run_pk), hosts.may_take()
    token = leases.claim(run_pk, host=hosts.HOST, pid=os.getpid(), room=room, while_true=may_take)
    if token is None:
        return False
    columns = ("run_id", "kind", "attempt", "priority", "universe")
    run_id, kind, attempt, priority, universe = TrainingRun.objects.values_list(*columns).get(pk=run_pk)
    held, limits = Held(run_pk, run_id, kind, token, attempt), limits_of(kind, universe)

    with held.in_logs():
        try:
            child = READY.take()
        except OSError as problem:
            log.warning("No process could be forked for it: %s", problem)
            time.sleep(NO_ROOM_S)  # held meanwhile, or it would be taken and given back without a pause
            conclude(held, RunOutcome(OutcomeKind.REQUEUE, sentence="The host had no room for a process", counts=False))
            return True
        child.begin(partial(_work, held, priority), memory=limits.memory)
        log.info("The run begins.")
        try:
            outcome = Watch(held, child, limits.seconds).until_over()
        finally:
            child.kill()
        conclude(held, outcome)
        log.info("The run has left its worker: %s.", outcome.outcome)
    return True


def _work(held: Held, priority: int) -> None:
    """The child's."""
    if priority != Priority.CLICK:
        os.nice(NICE)
    with held.in_logs():
        try:
            execute(run_pk=held.pk, token=held.token, cores=partial(free_cores, os.getppid()))
        except StoreAway as problem:  # a moment's fault; else this worker takes nothing until it is mended
            log.warning("%s", problem)
            raise RunWaits("The artifact store was away") from problem


class ReadyChild:
    """The process of this worker's next run, forked while nothing waits for it."""

    def __init__(self) -> None:
        self._child: Child | None = None

    def fork(self) -> None:
        """As long as there is none; also called when a worker is new."""
        if self._child is None:
            connections.close_all()  # a connection must not be shared over the fork: each side opens its own
            try:
                self._child = Child.ready(rehearse)
            except OSError as problem:  # no room for another process: the next run tries again
                log.warning("No process could be forked beforehand: %s", problem)

    def take(self) -> Child:
        child, self._child = self._child, None
        if child is not None and not child.wait(0):
            return child
        if child is not None:  # something killed it
            child.kill()
        connections.close_all()
        return Child.ready(rehearse)


READY = ReadyChild()


class Watch:
    """The parent's side while a child works: beat, cancel, stop, time limit. Waits on the child, never sleeps."""

    def __init__(self, held: Held, child: Child, limit_s: float) -> None:
        self.held, self.child, self.limit_s = held, child, limit_s
        self.started = self.last_beat = self.tried = self.cancel_read = time.monotonic()

    def until_over(self) -> RunOutcome:
        while (outcome := self.look(TICK_S)) is None:
            pass
        return outcome

    def look(self, seconds: float) -> RunOutcome | None:
        """How the child has ended, or why it has to end now; None where it goes on after so many seconds."""
        if self.child.wait(seconds):
            return self.child.outcome()
        return self._reason_to_stop(time.monotonic())

    def _reason_to_stop(self, now: float) -> RunOutcome | None:
        if STOPPING.is_set():
            return RunOutcome(OutcomeKind.REQUEUE, sentence="The worker was stopped")
        if now - self.started > self.limit_s:
            minutes = f"{self.limit_s / 60:g} minutes"
            return RunOutcome.failed(Reason.TIME_LIMIT, f"Stopped after {minutes}, the limit for a run of this kind.")
        try:
            if now - self.cancel_read >= CANCEL_EVERY_S and self._is_cancelled(now):
                return RunOutcome(OutcomeKind.CANCELLED)
            if now - self.tried >= leases.BEAT_EVERY_S and not self._beat(now):
                return RunOutcome(OutcomeKind.LOST)
        except DbError as problem:  # locked or away for a moment: the next tick tries again
            log.info("The database is asked again: %s", str(problem).strip())
            connection.close()
        if now - self.last_beat > STOP_AT * leases.LEASE_S:
            return RunOutcome(OutcomeKind.REQUEUE, sentence="The run could not say that it lives")
        return None

    def _is_cancelled(self, now: float) -> bool:
        held = TrainingRun.objects.filter(pk=self.held.pk, lease_token=self.held.token, status=Status.RUNNING)
        is_cancelled = held.exclude(cancel_requested_at=None).exists()
        self.cancel_read = now  # not of a database that was away: the next tick tries again
        return is_cancelled

    def _beat(self, now: float) -> bool:
        """False when the lease is lost. A stopped child does not live, so nobody beats for it."""
        if self.child.is_stopped():
            return True
        self.tried = now
        with leases.short_lock_timeout():
            if leases.beat(self.held.pk, self.held.token):
                self.last_beat = now
                return True
        return self._has_ended()

    def _has_ended(self) -> bool:
        """The child has just written the run's end, and is about to exit."""
        return not TrainingRun.objects.filter(pk=self.held.pk, status__in=(Status.RUNNING, Status.QUEUED)).exists()


def conclude(held: Held, outcome: RunOutcome) -> None:
    """Writes the end that the child did not write itself. A database that is away: the lease runs out, and a sweeper
    takes the run back."""
    with held.in_logs():
        try:
            _conclude(held, outcome)
            cancel_broken_families()
        except DbError as problem:
            log.warning("The run's end could not be written (%s).", str(problem).strip())
            connection.close()


def _conclude(held: Held, outcome: RunOutcome) -> None:
    if outcome.outcome == OutcomeKind.REQUEUE:
        leases.requeue(held.pk, held.token, outcome.sentence, counts=outcome.counts and not STOPPING.is_set())
    elif outcome.outcome == OutcomeKind.DONE and _is_held(held):
        outcome = RunOutcome.failed(
            Reason.BUG, "Unexpected error: the training ended without a result. The log has details."
        )
    if outcome.outcome == OutcomeKind.FAILED:
        trace = {"exception": outcome.trace} if outcome.trace else {}
        log.warning("The run failed (%s): %s", outcome.reason, outcome.sentence, extra=trace)
        values: dict[str, Any] = {
            "error": outcome.sentence,
            "error_reason": outcome.reason or "",
            "error_trace": outcome.trace,
        }
        if not leases.finish(held.pk, held.token, status=Status.FAILED, **values):
            # A cancel was accepted; or the lease is lost, then nothing is written.
            outcome = RunOutcome(OutcomeKind.CANCELLED)
    if outcome.outcome == OutcomeKind.CANCELLED and leases.finish(held.pk, held.token, status=Status.CANCELLED):
        # Killed between moving its files into place and committing, a child leaves a folder without a model.
        with suppress(StoreFailed):  # then the sweeper takes it
            artifact_storage().discard_run(held.run_id)


def _is_held(held: Held) -> bool:
    return TrainingRun.objects.filter(pk=held.pk, lease_token=held.token, status=Status.RUNNING).exists()
