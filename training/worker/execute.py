"""A claimed run from its row to its model: load, train, write, and end it in one transaction.

Runs in the child process of a worker, or in the foreground for `train_poc`. Raises; whoever calls turns exceptions
into the run's end (training.worker.runner).
"""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from boursomatic.accounts.audit import audit
from training.artifacts.storage import artifact_storage, run_folder, sha256
from training.evidence.universe import universe_try_enter
from training.models import Kind, ModelVersion, RunEvent, Status, TrainingRun, Try
from training.quant.candle.export import model_text
from training.quant.candle.spec import CandleSpec
from training.quant.candle.train import train_candle
from training.quant.universe.spec import UniverseSpec
from training.quant.universe.train import train_universe
from training.queue import leases
from training.recipes.candle.data import candle_data
from training.recipes.candle.jobs import JOBS_TO_DO
from training.recipes.candle.results import candle_detail, candle_files, candle_result
from training.recipes.universe.data import universe_data
from training.recipes.universe.results import model_texts, universe_detail, universe_files, universe_result
from training.recipes.walk_forward.folds import discard_folds, fold_work, walk_work
from training.runs import services

WRITE_EVERY_S = 0.4  # a short fit is over before its progress would be worth a write
CURVE_POINTS = 300


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

    def filling(self, instruments: int) -> None:
        self.stage("features", self.now[1], f"missing or stale of {instruments} instruments: computed first")

    def boosting(self, iteration: int, loss: float) -> None:
        self.curve.append([iteration, loss])
        self._write(f"boosting round {iteration}, validation {loss:.4f}")

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


def run_execute(*, run_pk: int, token: UUID, tell: Tell | None = None, fill: bool = True) -> None:
    """Carry out the run that `token` holds; `tell` hears of each stage. `fill`: a universe run computes what features
    are missing, as its first stage; without it their lack is an error that names the command.

    Raises leases.LeaseLost and leases.Cancelled, SpecError and NotTrainable for data that won't do, OSError for a disk
    that won't.
    """
    rows = TrainingRun.objects.select_related("series__instrument", "created_by", "subject__model_version")
    run = rows.get(pk=run_pk)
    reporter = Reporter(run, token, tell)
    if run.kind == Kind.CANDLE:
        _train_candle(run, token, reporter)
    elif run.kind == Kind.UNIVERSE:
        _train_universe(run, token, reporter, fill=fill)
    elif run.kind == Kind.FOLD:
        _carry_fold(run, token, reporter)
    elif run.kind == Kind.WALK:
        _pool_walk(run, token, reporter)
    else:
        _do_job(run, token, reporter)


def _train_candle(run: TrainingRun, token: UUID, reporter: Reporter) -> None:
    assert run.series is not None
    spec = CandleSpec.from_dict(run.config)
    reporter.stage("load", 0.02, f"{run.series} as of {spec.candle}")
    data = candle_data(run.series, spec)
    outcome = train_candle(
        data.bars, decision=data.decision, spec=spec, on_stage=reporter.stage, on_round=reporter.boosting
    )
    reporter.stage("write", 0.95, "files, hashes and the model's version")
    text = model_text(outcome)
    result = candle_result(run, data, outcome, text)
    detail = candle_detail(spec, data, outcome)
    files = candle_files(run, spec, outcome, text=text, result=result, detail=detail)
    with artifact_storage().staged(run_folder(run.run_id), files) as staged, transaction.atomic():
        # The conditional UPDATE locks the row first: who lost the lease moves no files and makes no model.
        if not leases.finish(run.pk, token, status=Status.COMPLETED, result=result, detail=detail, log=reporter.events):
            leases.refuse(run.pk, token)
        _model_create(
            run,
            result,
            {name: sha256(content) for name, content in files.items()},
            version=f"candle-{run.run_id}",
            series=run.series,
            metrics={name: result[name] for name in ("train_metrics", "validation_metrics", "test_metrics")},
        )
        _try_enter(run)
        if spec.confirm:
            services.job_insert(kind=Kind.CONFIRMATION, run=run, user=run.created_by)
        staged.publish()


def _train_universe(run: TrainingRun, token: UUID, reporter: Reporter, *, fill: bool) -> None:
    spec = UniverseSpec.from_dict(run.config)
    reporter.stage("load", 0.02, f"bars and features of the universe {spec.universe}")
    data = universe_data(
        spec,
        on_fill=reporter.filling if fill else None,
        on_read=lambda done, todo: reporter.stage("load", 0.02 + 0.1 * done / todo, f"{done} of {todo} instruments"),
    )
    outcome = train_universe(data.panel, spec, on_stage=reporter.stage)
    reporter.stage("write", 0.95, "files, hashes and the model's version")
    texts = model_texts(outcome.kept)
    result = universe_result(run, spec, data, outcome, texts)
    detail = universe_detail(data, spec, outcome)
    files = universe_files(run, spec, outcome, texts=texts, result=result, detail=detail)
    with artifact_storage().staged(run_folder(run.run_id), files) as staged, transaction.atomic():
        if not leases.finish(run.pk, token, status=Status.COMPLETED, result=result, detail=detail, log=reporter.events):
            leases.refuse(run.pk, token)
        _model_create(
            run,
            result,
            {name: sha256(content) for name, content in files.items()},
            version=result["version"],
            universe=spec.universe,
            horizon=spec.horizon,
            metrics=result["metrics"],
        )
        universe_try_enter(result=result, params_hash=run.params_hash, run_id=run.run_id)
        staged.publish()


def _carry_fold(run: TrainingRun, token: UUID, reporter: Reporter) -> None:
    """One fold of a walk. Its end leaves the rest to whoever is kicked next: a fold, or the walk itself."""
    result, files = fold_work(run, reporter.stage, reporter.filling)
    with artifact_storage().staged(run_folder(run.run_id), files) as staged, transaction.atomic():
        if not leases.finish(run.pk, token, status=Status.COMPLETED, result=result, log=reporter.events):
            leases.refuse(run.pk, token)
        staged.publish()


def _pool_walk(run: TrainingRun, token: UUID, reporter: Reporter) -> None:
    """A walk whose folds are over: all of them as one book, which is a try on the universe."""
    result = walk_work(run, reporter.stage)
    with transaction.atomic():
        if not leases.finish(run.pk, token, status=Status.COMPLETED, result=result, log=reporter.events):
            leases.refuse(run.pk, token)
        universe_try_enter(result=result, params_hash=run.params_hash, run_id=run.run_id)
    discard_folds(run)


def _do_job(run: TrainingRun, token: UUID, reporter: Reporter) -> None:
    """A job about a finished run: what it finds goes into its own row, and a confirmation's p-value into the ledger."""
    result = JOBS_TO_DO[Kind(run.kind)](run, reporter.stage)
    with transaction.atomic():
        if not leases.finish(run.pk, token, status=Status.COMPLETED, result=result, log=reporter.events):
            leases.refuse(run.pk, token)
        if run.kind == Kind.CONFIRMATION and result["evidence"]:
            assert run.candle_at is not None
            tried = Try.objects.filter(series=run.series, params_hash=run.params_hash, candle_at=run.candle_at)
            tried.filter(p_value=None).update(p_value=result["evidence"]["p_value"])


def _try_enter(run: TrainingRun) -> None:
    """Into the ledger, once for each configuration and candle."""
    assert run.candle_at is not None
    Try.objects.bulk_create(
        [
            Try(
                series=run.series,
                params_hash=run.params_hash,
                candle_at=run.candle_at,
                run_id=run.run_id,
                made_at=timezone.now(),
            )
        ],
        ignore_conflicts=True,
    )


def _model_create(run: TrainingRun, result: dict[str, Any], hashes: dict[str, str], **more: Any) -> None:
    model = ModelVersion.objects.create(
        run=run,
        kind=run.kind,
        params_hash=run.params_hash,
        data_hash=result["data_hash"],
        model_hash=result["model_hash"],
        folder=run_folder(run.run_id),
        files=hashes,
        trained_at=timezone.now(),
        **more,
    )
    audit(run.created_by, "model.create", model.version, run_id=run.run_id, model_hash=model.model_hash)
