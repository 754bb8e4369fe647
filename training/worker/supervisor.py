"""The worker command: keeps a django-q2 cluster alive, and the queue of runs true.

django-q2's own rescue is not enough: an idle worker that is killed takes the queue's lock with it, and the cluster
stalls for good. So the death of any part that may have held a lock ends the whole group, and this process, which has
everything imported and does nothing else, forks a new one within a moment.
"""

import contextlib
import logging
import mmap
import os
import signal
import struct
import time
import uuid
from multiprocessing import get_context
from typing import Any

from django.conf import settings
from django.db import Error as DbError
from django.db import connection, connections
from django_q.cluster import Sentinel
from django_q.conf import Conf
from django_q.signals import post_spawn
from structlog.contextvars import bind_contextvars

from boursomatic.shared.processes import SharedFlag, adopt_orphans, bind_forks, kill_children, notify
from boursomatic.shared.stores import StoreFailed
from training.artifacts import provenance
from training.artifacts.storage import artifact_storage
from training.models import Status, TrainingRun
from training.queue import enqueue, hosts, leases, release
from training.queue.broker import Kicks, waiting
from training.recipes.kinds import load_executors
from training.worker import heartbeat
from training.worker.beside import Aside, StoreWatch
from training.worker.executors import load_executor
from training.worker.families import cancel_broken_families
from training.worker.housekeeping import keep_house
from training.worker.runner import READY, STOPPING

TICK_S = 0.5
SWEEP_EVERY_S = hosts.BEAT_EVERY_S
CANARY_S = 15.0  # a guard loop (two rounds a second) or a queue that does not move for so long is stuck
STOP_S = 6.0  # a clean stop takes one to two seconds
BACKOFF_S = (0.0, 0.5, 1.0, 2.0, 5.0)
_BROKEN = 70  # exit code of a group that ended itself
_MAX_PIDS = 256

log = logging.getLogger("boursomatic.worker")


class SharedStatus:
    """What the guard tells the command, in memory that both see; no lock, so a killed process can't hold it."""

    _FORMAT = f"d{_MAX_PIDS}i"

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, struct.calcsize(self._FORMAT))
        self.stamp()

    def stamp(self) -> None:
        struct.pack_into("d", self._memory, 0, time.monotonic())

    def age(self) -> float:
        written: float = struct.unpack_from("d", self._memory, 0)[0]
        return time.monotonic() - written

    def write_pids(self, pids: list[int]) -> None:
        filled = (pids + [0] * _MAX_PIDS)[:_MAX_PIDS]
        struct.pack_into(f"{_MAX_PIDS}i", self._memory, 8, *filled)

    def pids(self) -> set[int]:
        return set(struct.unpack_from(f"{_MAX_PIDS}i", self._memory, 8)) - {0}


class Guard(Sentinel):  # type: ignore[misc]  # django-q2 has no types
    """django-q2's sentinel, which tells a death that may have left a lock behind from one that has not."""

    def __init__(self, board: SharedStatus, stop: SharedFlag) -> None:
        self.board = board
        super().__init__(stop, SharedFlag(), uuid.uuid4(), Kicks(list_key=Conf.CLUSTER_NAME), start=False)
        self.event_out = SharedFlag()

    def status(self) -> str:
        self.board.stamp()
        said: str = super().status()
        return said

    def spawn_worker(self) -> None:
        super().spawn_worker()
        self.board.write_pids([process.pid for process in self.pool])

    def reincarnate(self, process: Any) -> None:
        is_worker = process not in (self.monitor, self.pusher)
        if (is_worker and process.timer.value != -1) or process.exitcode == 0:
            super().reincarnate(process)  # busy with a run, or ended by itself: it held no lock
        else:
            os._exit(_BROKEN)  # the rest of the group dies with its parent


def _guard(board: SharedStatus, stop: SharedFlag) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, [])  # the command takes its signals by waiting for them
    Guard(board, stop).start()  # returns when stopped


def _settle(**_: Any) -> None:
    """A worker's first steps: its name in the log, and a child for its first run."""
    bind_contextvars(worker=f"{hosts.HOST}:{os.getpid()}")
    READY.fork()


class WorkerSupervisor:
    """The main process: forks groups, watches them, sweeps. One thread; never trains and never asks the artifact store,
    which may take its time."""

    def __init__(self) -> None:
        self.board = SharedStatus()
        self.worker_pids: set[int] = set()  # workers whose rows are in the table
        self.swept = 0.0
        self.replaced = False  # by the workers of another release
        self.store_problem = ""
        self.store = StoreWatch()
        self.housekeeping = Aside(keep_house)
        self.stuck_since: tuple[int, float] | None = None  # the oldest wake-up, and since when it has been that

    def run(self) -> int:
        """Until told to stop: exit code 0. Raises OperationalError where there is no database from the start."""
        connection.ensure_connection()
        load_executors()
        if problem := load_executor():  # only chunks wait for it
            log.warning("%s", problem)
        release.ours()  # of the code as it was loaded, whatever becomes of its files
        provenance.code_version(), provenance.library_versions()  # likewise; each child would find them out anew
        post_spawn.connect(_settle)  # in each worker that is started
        STOPPING.renew()  # this command may itself be forked from a process that forks several
        awaited = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
        signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
        bind_forks()
        adopt_orphans()
        failures = 0
        while True:
            born = time.monotonic()
            self.start()
            notify("READY=1")
            why = self.watch(awaited)
            if why == "":
                self.stop()
                return 0
            self.end_group()
            failures = 0 if time.monotonic() - born > 60 else failures + 1
            pause = BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]
            log.warning("The workers are started again: %s.", why)
            if signal.sigtimedwait(awaited - {signal.SIGCHLD}, pause):
                return 0

    def start(self) -> None:
        with contextlib.suppress(DbError):
            heartbeat.beat(())  # what this host has: before, its workers take nothing
        connections.close_all()  # not to be shared over the fork
        self.board.stamp()
        self.stop_flag = SharedFlag()
        self.group = get_context("fork").Process(target=_guard, args=(self.board, self.stop_flag))
        self.group.start()
        self.stuck_since = None

    def watch(self, awaited: set[signal.Signals]) -> str:
        """Returns why the group has to be replaced, or nothing when told to stop."""
        while True:
            got = signal.sigtimedwait(awaited, TICK_S)
            if got and got.si_signo != signal.SIGCHLD:
                return ""
            if not self.group.is_alive():
                return f"the group ended with code {self.group.exitcode}"
            if self.board.age() > CANARY_S:
                return "its guard does not move"
            if time.monotonic() - self.swept >= SWEEP_EVERY_S:
                self.swept = time.monotonic()
                self.keep_asides()
                if self.sweep():
                    return "its queue does not move"
            notify("WATCHDOG=1")

    def keep_asides(self) -> None:
        try:
            self.store.keep()
            self.housekeeping.keep()
        except OSError as problem:  # no room for another process
            log.warning("Nothing could be forked beside the workers, the next round tries again: %s", problem)

    def sweep(self) -> bool:
        """Beats, takes lost runs back, wakes workers for what nobody was told of. True when the queue is stuck."""
        try:
            with leases.short_lock_timeout():
                self._mark_presence()
                self._look_at_store()
                if self._is_replaced() or self.store_problem:
                    self.stuck_since = None
                    return False
                leases.reclaim_expired()
                self._requeue_wakeups()
                cancel_broken_families()
                return self._is_stuck()
        except (DbError, OSError) as problem:  # locked or away for a moment: the next round tries again
            log.info("The sweep is tried again: %s", str(problem).strip())
            connection.close()
            return False

    def _is_replaced(self) -> bool:
        """Another release has been deployed: what is claimed is finished, the rest is for its workers. Said once."""
        deployed = release.deployed()
        is_replaced = deployed not in (None, release.ours())
        if is_replaced and not self.replaced:
            log.warning(
                "The database was migrated by release %s, this is %s: these workers finish what they hold and take "
                "nothing more. Update the code on this host and start them again.",
                deployed,
                release.ours(),
            )
        self.replaced = is_replaced
        return is_replaced

    def _look_at_store(self) -> None:
        """Workers beside another artifact store than the database's go on once it is the right one. Said at changes."""
        amiss = self.store.problem()
        if amiss and amiss != self.store_problem:
            log.warning("%s Until then these workers finish what they hold and take nothing more.", amiss)
        elif self.store_problem and not amiss:
            log.warning("The artifact store is this database's again: these workers go on.")
        self.store_problem = amiss

    def _mark_presence(self) -> None:
        pids = self.board.pids()
        if gone := self.worker_pids - pids:
            asides = self.store.pids | self.housekeeping.pids
            kill_children(but={self.group.pid} | asides)  # the run of a killed worker, if it could not end by itself
            leases.release(hosts.HOST, gone)
            heartbeat.leave(gone)
        heartbeat.beat(pids, has_store=not self.store_problem)
        self.worker_pids = pids

    def _requeue_wakeups(self) -> None:
        """A wake-up for each worker, where there are runs: those in a killed process's memory are lost. A worker that
        has ended a run looks for the next by itself."""
        missing = max(0, settings.WORKERS + 1 - waiting().count())
        queued = TrainingRun.objects.filter(status=Status.QUEUED, deleted_at=None).values_list("pk")[:missing]
        for _ in queued:
            enqueue.enqueue()

    def _is_stuck(self) -> bool:
        """The same wake-up has been the oldest for long although a worker of ours is idle, and may take something: one
        that waits for the store's answer may not."""
        oldest = waiting().order_by("pk").values_list("pk", flat=True).first()
        busy = TrainingRun.objects.filter(
            status=Status.RUNNING, worker_host=hosts.HOST, worker_pid__in=self.worker_pids
        ).count()
        if oldest is None or busy >= len(self.worker_pids) or self.store.is_late() or hosts.turn() is None:
            self.stuck_since = None
        elif self.stuck_since is None or self.stuck_since[0] != oldest:
            self.stuck_since = (oldest, time.monotonic())
        return self.stuck_since is not None and time.monotonic() - self.stuck_since[1] > CANARY_S

    def stop(self) -> None:
        """Workers give their runs back; then everything has ended."""
        notify("STOPPING=1")
        STOPPING.set()
        self.stop_flag.set()
        self.group.join(STOP_S)
        self.end_group()

    def end_group(self) -> None:
        """Kills what is left, and gives back what its workers held."""
        self.group.kill()
        self.group.join()
        kill_children(but=())
        gone = self.worker_pids | self.board.pids()  # also those that took a run before their first beat
        self.board.write_pids([])
        try:
            with leases.short_lock_timeout():
                leases.release(hosts.HOST, gone, counts=not STOPPING.is_set())
                heartbeat.leave(gone)
            self.worker_pids = set()
        except DbError as problem:
            log.info("Left for the next sweep: %s", str(problem).strip())
            connection.close()


def run() -> int:
    """What `manage.py worker` does; its module is imported, so LightGBM and its kin are loaded before any fork."""
    if settings.WORKERS == 0:
        log.warning("BOURSOMATIC_WORKERS is 0: no training on this host.")
        return 0
    try:
        artifact_storage().check()
        return WorkerSupervisor().run()
    except StoreFailed as problem:  # runs wait
        log.error("%s", problem)
        return 1
    finally:
        connections.close_all()
