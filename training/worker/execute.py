"""A claimed run from its row to its end: its recipe's `execute`, then everything that it leaves in one transaction.

Runs in the child process of a worker, or in the foreground for a command. Raises; whoever calls turns exceptions into
the run's end (training.worker.runner).
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from boursomatic.accounts.audit import audit
from boursomatic.shared.stores import StoreFailed, StoreUnreachable
from training.artifacts import marker
from training.artifacts.storage import artifact_storage, run_folder, sha256
from training.errors import RunRefused, StoreAway
from training.evidence.trials import trial_enter, trial_settle
from training.models import ModelVersion, Reason, RunEvent, RunPositions, Searched, Status, TrainingRun
from training.queue import leases
from training.recipes.base import Completed, ModelFields, Recipe, Work
from training.recipes.kinds import recipe_of
from training.runs.services import follow_up_insert, successor_insert
from training.worker.executors import executor

WRITE_EVERY_S = 0.4  # a short fit is over before its progress would be worth a write
CURVE_POINTS = 300
STORE_AWAY_S = 120.0  # how long a run waits for a store of files that is away


Tell = Callable[[str, float, str], None]  # (stage, progress 0 to 1, message)


class Reporter:
    """Writes how far a run is, seldom enough to cost nothing, and keeps the log of its stages for the next write."""

    def __init__(self, run: TrainingRun, token: UUID, tell: Tell | None) -> None:
        self.run, self.token, self.tell = run, token, tell
        self.events: list[RunEvent] = []
        self.curve: list[list[float]] = []
        self.started = self.written = time.monotonic()
        self.now = ("start", 0.0, "")

    def stage(self, stage: str, progress: float, message: str) -> None:
        self.now = (stage, progress, message)
        took = f"{message} ({(time.monotonic() - self.started) * 1000:.0f} ms in)"
        self.events.append(RunEvent(run=self.run, at=timezone.now(), attempt=self.run.attempt, stage=stage, text=took))
        if self.tell:
            self.tell(stage, progress, message)
        self._write()

    def within(self, progress: float, message: str) -> None:
        self.now = (self.now[0], progress, message)
        if self.tell:
            self.tell(*self.now)
        self._write()

    def remark(self, message: str) -> None:
        self.within(self.now[1], message)

    def boosting(self, iteration: int, loss: float) -> None:
        self.curve.append([iteration, loss])
        self._write(f"boosting round {iteration}, validation {loss:.4f}")

    def store_away(self, why: str) -> None:
        """The store of files is waited for. Other threads have no connection to say so; nor can it be said while the
        run's end is being written."""
        if threading.current_thread() is threading.main_thread() and not connection.in_atomic_block:
            self._write(f"waits for the artifact store, which can't be reached ({why}); it goes on by itself")

    def checkpoint(self, rows: Sequence[Model]) -> None:
        leases.rows_write(self.run.pk, self.token, rows)

    def stop_requested(self) -> bool:
        return leases.stop_requested(self.run.pk)

    def _write(self, message: str = "") -> None:
        if time.monotonic() - self.written < WRITE_EVERY_S:
            return
        stage, progress, text = self.now
        every = max(1, len(self.curve) // CURVE_POINTS)
        leases.progress_write(
            self.run.pk,
            self.token,
            stage=stage,
            progress=progress,
            message=message or text,
            live_curve=self.curve[::every],
            log=self.events,
        )
        self.events, self.written = [], time.monotonic()


def execute(*, run_pk: int, token: UUID, tell: Tell | None = None, cores: Callable[[], int] = lambda: 1) -> None:
    """Carry out the run that `token` holds; `tell` hears of each stage; `cores` says how many a run of many threads may
    use: more than one only in a process that forks no other any more.

    Raises leases.LeaseLost and leases.Cancelled, SpecError and NotTrainable for data that won't do, RunRefused,
    StoreAway, OSError for a disk that won't.
    """
    run = whole_rows().get(pk=run_pk)
    recipe = recipe_of(run.kind)
    reporter = Reporter(run, token, tell)
    try:
        with artifact_storage().patience(STORE_AWAY_S, reporter.store_away):
            _require_store()
            work_out = executor(key=f"{run.run_id}-{token}", tell=reporter.remark)
            work = Work(run, recipe.parse(run.config), reporter, cores, work_out)
            complete(run, token, _completed(recipe, work), log=reporter.events)
    except Exception:
        with suppress(DatabaseError):  # the stages before the fault say where it was
            leases.log_write(run.pk, token, reporter.events)
        raise
    parts = run.parts.filter(model_version=None).values_list("run_id", flat=True)  # what they left for it is used up
    with suppress(StoreFailed):  # then the sweeper takes it
        for part in parts:
            artifact_storage().discard_run(part)


def whole_rows() -> QuerySet[TrainingRun]:
    """Runs with what `execute` reads of most of them; a few are about another run, which they read themselves."""
    return TrainingRun.objects.select_related("series__instrument", "created_by")


def _completed(recipe: Recipe, work: Work) -> Completed:
    """What the recipe makes. It only reads the store: where that is away, the run is begun again later. Raises
    StoreAway."""
    try:
        done: Completed = import_string(recipe.execute)(work)
    except (OSError, RunRefused) as problem:
        if amiss := _why_unread(problem):
            raise StoreAway(amiss) from problem
        raise
    return done


def _why_unread(problem: OSError | RunRefused) -> str:
    """What is amiss with the store; "" where that isn't why: a file that is missing or refused although the store is
    there would be so again."""
    if isinstance(problem, StoreUnreachable):
        return str(problem)
    if isinstance(problem, RunRefused) and problem.reason != Reason.INTEGRITY:
        return ""
    with artifact_storage().patience(0):
        return marker.problem()


def complete(run: TrainingRun, token: UUID, done: Completed, *, log: list[RunEvent]) -> None:
    """The only end of a run that has come to something: row, files, model, trial and follow-ups, all or nothing."""
    if done.files:
        _require_store()  # it may have gone away since the run began: what is written on a bare mount point is lost
    staged = artifact_storage().staged(run.run_id, done.files) if done.files else nullcontext()
    with staged as files, transaction.atomic():
        # The conditional UPDATE locks the row first: who lost the lease moves no files and makes no model.
        if not leases.finish(
            run.pk,
            token,
            status=Status.COMPLETED,
            result=dict(done.result),
            detail=dict(done.detail),
            folder=files.folder if files else "",
            log=log,
        ):
            leases.refuse(run.pk, token)
        if done.model:
            folder = files.folder if files else run_folder(run.run_id)
            _model_create(run, done.model, folder, {name: sha256(content) for name, content in done.files.items()})
        if done.trial:
            trial_enter(run, done.trial)
        if done.positions:
            RunPositions.objects.create(run=run, symbols=list(done.positions.symbols), rows=done.positions.rows)
        if done.claim and run.subject and run.subject.trial_id:
            trial_settle(run.subject.trial_id, done.claim)
        for follow_up in done.follow_ups:
            follow_up_insert(kind=follow_up.kind, run=run, spec=follow_up.spec, user=run.created_by)
        Searched.objects.bulk_create(
            Searched(series=run.series, run_id=run.run_id, **vars(fields)) for fields in done.searched
        )
        if done.then:
            successor = successor_insert(run=run, spec=done.then)
            TrainingRun.objects.filter(pk=run.pk).update(result={**done.result, "run_id": successor.run_id})
        if files:
            with artifact_storage().patience(0):  # the run's row is locked: who beats for it would wait too
                _require_store()
            files.publish()


def _require_store() -> None:
    if amiss := marker.problem():
        raise StoreAway(amiss)


def _model_create(run: TrainingRun, fields: ModelFields, folder: str, hashes: dict[str, str]) -> None:
    model = ModelVersion.objects.create(
        run=run,
        kind=run.kind,
        params_hash=run.params_hash,
        folder=folder,
        files=hashes,
        trained_at=timezone.now(),
        **vars(fields),
    )
    audit(run.created_by, "model.create", model.version, run_id=run.run_id, model_hash=model.model_hash)
