"""Carries one run: claims it, forks one child for it, watches the child, and writes the run's end if the child can't.

The one place where a run's exceptions become status, reason and sentence. The worker itself never trains: a parent
whose LightGBM used threads hangs its children.
"""

import logging
import os
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error as DbError
from django.db import connection, connections

from boursomatic.shared.processes import Flag
from training.artifacts.storage import artifact_storage, run_folder
from training.models import JOBS, Kind, Reason, Status, TrainingRun
from training.queue import enqueue, leases
from training.worker.child import Child
from training.worker.execute import run_execute
from training.worker.heartbeat import HOST
from training.worker.outcome import Ending, Outcome

LONG = (Kind.UNIVERSE, Kind.FOLD, Kind.WALK)
TIME_LIMIT_S = dict.fromkeys(Kind, 600.0) | dict.fromkeys(LONG, 1800.0)  # well below settings.TASK_TIMEOUT_S
TICK_S = 0.1  # how soon a stop of the worker is seen; the end of the child is seen at once
CANCEL_EVERY_S = 0.25  # between its queries, for as long as the run goes on; a cancel is seen within this and a tick
STOP_AT = 0.8  # share of the lease after which a child whose beat can't be written is stopped

STOPPING = Flag()  # set by the worker command when it is told to stop; shared over its forks
log = logging.getLogger("boursomatic.worker")


@dataclass(frozen=True)
class Held:
    """A run that this process has claimed."""

    pk: int
    run_id: str
    kind: str
    token: UUID


def run_carry(run_pk: int) -> None:
    """The task behind each kick: takes the run whose turn it is, which need not be the one that kicked."""
    while (turn := _turn()) is not None:
        if carry(turn):
            break
    if (turn := _turn()) is not None:
        enqueue.kick(turn)  # a job may have used up its kick while it had to wait


def _turn() -> int | None:
    """Jobs leave one worker of a host free, so that nobody's click waits behind the confirmation of another run."""
    busy = TrainingRun.objects.filter(status=Status.RUNNING, worker_host=HOST, kind__in=JOBS).count()
    return leases.next_queued(jobs=busy < max(1, settings.WORKERS - 1))


def carry(run_pk: int) -> bool:
    """Claims the run and carries it to an end; False when another worker had it first."""
    token = leases.claim(run_pk, host=HOST, pid=os.getpid())
    if token is None:
        return False
    run_id, kind = TrainingRun.objects.values_list("run_id", "kind").get(pk=run_pk)
    held = Held(run_pk, run_id, kind, token)
    connections.close_all()  # a connection must not be shared over the fork: each side opens its own
    child = Child.start(lambda: run_execute(run_pk=held.pk, token=held.token))
    try:
        ending = Watch(held, child).until_over()
    finally:
        child.kill()
    conclude(held, ending)
    return True


class Watch:
    """The parent's side while a child works: beat, cancel, stop, time limit. Waits on the child, never sleeps."""

    def __init__(self, held: Held, child: Child) -> None:
        self.held, self.child = held, child
        self.started = self.beaten = self.tried = self.cancel_read = time.monotonic()

    def until_over(self) -> Ending:
        while not self.child.wait(TICK_S):
            ending = self._reason_to_stop(time.monotonic())
            if ending is not None:
                return ending
        return self.child.ending()

    def _reason_to_stop(self, now: float) -> Ending | None:
        limit = TIME_LIMIT_S[Kind(self.held.kind)]
        if STOPPING.is_set():
            return Ending(Outcome.GIVE_BACK, sentence="The worker was stopped")
        if now - self.started > limit:
            minutes = f"{limit / 60:g} minutes"
            return Ending.failed(Reason.TIME_LIMIT, f"Stopped after {minutes}, the limit for a run of this kind.")
        try:
            if now - self.cancel_read >= CANCEL_EVERY_S and self._is_cancelled(now):
                return Ending(Outcome.CANCELLED)
            if now - self.tried >= leases.BEAT_EVERY_S and not self._beat(now):
                return Ending(Outcome.LOST)
        except DbError as problem:  # locked or away for a moment: the next tick tries again
            log.info("Run %s: %s", self.held.run_id, str(problem).strip())
            connection.close()
        if now - self.beaten > STOP_AT * leases.LEASE_S:
            return Ending(Outcome.GIVE_BACK, sentence="The run could not say that it lives")
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
        with leases.impatient():
            if leases.beat(self.held.pk, self.held.token):
                self.beaten = now
                return True
        return self._has_ended()

    def _has_ended(self) -> bool:
        """The child has just written the run's end, and is about to exit."""
        return not TrainingRun.objects.filter(pk=self.held.pk, status__in=(Status.RUNNING, Status.QUEUED)).exists()


def conclude(held: Held, ending: Ending) -> None:
    """Writes the end that the child did not write itself. A database that is away: the lease runs out, and a sweeper
    takes the run back."""
    try:
        _conclude(held, ending)
    except DbError as problem:
        log.warning("Run %s: its end could not be written (%s).", held.run_id, str(problem).strip())
        connection.close()


def _conclude(held: Held, ending: Ending) -> None:
    if ending.outcome == Outcome.GIVE_BACK:
        leases.give_back(held.pk, held.token, ending.sentence, counts=not STOPPING.is_set())
    elif ending.outcome == Outcome.DONE and _is_held(held):
        ending = Ending.failed(
            Reason.BUG, "Unexpected error: the training ended without a result. The log has details."
        )
    if ending.outcome == Outcome.FAILED:
        log.warning("Run %s failed (%s): %s\n%s", held.run_id, ending.reason, ending.sentence, ending.trace)
        values: dict[str, Any] = {
            "error": ending.sentence,
            "error_reason": ending.reason or "",
            "error_trace": ending.trace,
        }
        if not leases.finish(held.pk, held.token, status=Status.FAILED, **values):
            ending = Ending(
                Outcome.CANCELLED
            )  # if a cancel was accepted; else the lease is lost and nothing is written
    if ending.outcome == Outcome.CANCELLED and leases.finish(held.pk, held.token, status=Status.CANCELLED):
        # Killed between moving its files into place and committing, a child leaves a folder without a model.
        artifact_storage().discard(run_folder(held.run_id))


def _is_held(held: Held) -> bool:
    return TrainingRun.objects.filter(pk=held.pk, lease_token=held.token, status=Status.RUNNING).exists()
