"""Writes to runs: asking for one, cancelling, deleting. Who may is decided before, by the caller's permission."""

import hashlib
import json
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from boursomatic.accounts.audit import audit
from instruments.models import Series
from training.errors import KeyReused, TooLate, TooManyRuns
from training.models import ACTIVE, IdempotencyKey, Kind, RunEvent, Status, TrainingRun
from training.quant.candle.spec import CandleSpec
from training.quant.universe.spec import UniverseSpec
from training.quant.walk_forward.spec import WalkSpec
from training.queue import enqueue, leases
from training.recipes.candle.data import candle_data, candle_plan, candle_series, nearest_trainable, require_plan
from training.recipes.universe.data import universe_members

Spec = CandleSpec | UniverseSpec | WalkSpec
KEYS_KEPT = timedelta(days=1)
QUEUE_LOCK = 7_301_996  # PostgreSQL advisory lock: counting the active runs and adding one is one step
ID_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"


def candle_run_create(
    *, user: User | None, spec: CandleSpec, parent: TrainingRun | None = None, idempotency_key: str = ""
) -> TrainingRun:
    """A queued run, its task enqueued in the same transaction.

    Raises SpecError where the candle won't do, TooManyRuns at a limit, KeyReused for a known key with another body.
    """
    series = candle_series(spec)
    data = candle_data(series, spec)
    require_plan(data, candle_plan(data, spec), spec)
    with transaction.atomic():
        _lock_queue()
        if idempotency_key and user and (known := _known_key(user, idempotency_key, spec)):
            return known
        _require_room(user)
        run = _insert(user=user, kind=Kind.CANDLE, spec=spec, series=series, parent=parent)
        _remember_key(user, idempotency_key, spec, run)
        audit(user, "run.create", run.run_id, symbol=spec.symbol, candle=spec.candle)
        enqueue.kick(run.pk)
    return run


def candle_run_start(*, user: User | None, spec: CandleSpec) -> TrainingRun:
    """A queued run that no worker is told of: the caller claims and carries it (`train_poc`)."""
    series = candle_series(spec)
    data = candle_data(series, spec)
    require_plan(data, candle_plan(data, spec), spec)
    with transaction.atomic():
        run = _insert(user=user, kind=Kind.CANDLE, spec=spec, series=series)
        audit(user, "run.create", run.run_id, symbol=spec.symbol, candle=spec.candle, foreground=True)
    return run


def universe_run_create(*, user: User | None, spec: UniverseSpec | WalkSpec, idempotency_key: str = "") -> TrainingRun:
    """A queued run, its task enqueued in the same transaction. Whether there are bars enough, its worker finds out.

    A walk is made with all its folds, which are kicked in its place: its own turn comes when they are over. Raises
    SpecError where there is no such universe, TooManyRuns at a limit, KeyReused for a known key with another body.
    """
    universe_members(spec.universe)
    with transaction.atomic():
        _lock_queue()
        if idempotency_key and user and (known := _known_key(user, idempotency_key, spec)):
            return known
        _require_room(user)
        kind = Kind.WALK if isinstance(spec, WalkSpec) else Kind.UNIVERSE
        run = _insert(user=user, kind=kind, spec=spec, series=None)
        _remember_key(user, idempotency_key, spec, run)
        audit(user, "run.create", run.run_id, universe=spec.universe)
        for one in _folds_insert(run, spec) if isinstance(spec, WalkSpec) else [run]:
            enqueue.kick(one.pk)
    return run


def universe_run_start(*, user: User | None, spec: UniverseSpec) -> TrainingRun:
    """A queued run that no worker is told of: the caller claims and carries it (`train`)."""
    universe_members(spec.universe)
    with transaction.atomic():
        run = _insert(user=user, kind=Kind.UNIVERSE, spec=spec, series=None)
        audit(user, "run.create", run.run_id, universe=spec.universe, foreground=True)
    return run


def job_create(*, kind: Kind, run: TrainingRun, user: User | None) -> TrainingRun:
    """A queued job about a finished run: its confirmation, noise control or verification.

    One confirmation a run: where it has one already (that neither failed nor was cancelled), that one is returned.
    Raises TooLate where the run has no result to ask about.
    """
    if run.status != Status.COMPLETED or run.deleted_at is not None:
        raise TooLate(f"Run {run.run_id} has no result to ask about: it is {run.status}.")
    if run.kind != Kind.CANDLE:
        raise TooLate(f"Run {run.run_id} is of a universe; this can be asked of candle runs only.")
    with transaction.atomic():
        _lock_queue()
        known = run.jobs.filter(kind=kind, status__in=(*ACTIVE, Status.COMPLETED)).order_by("-id").first()
        if known and (kind == Kind.CONFIRMATION or known.status in ACTIVE):
            return known
        if kind != Kind.CONFIRMATION:
            _require_room(user)
        job = job_insert(kind=kind, run=run, user=user)
        audit(user, f"{kind}.create", job.run_id, about=run.run_id)
    return job


def job_insert(*, kind: Kind, run: TrainingRun, user: User | None) -> TrainingRun:
    """Row and kick of a job about `run`, inside the caller's transaction."""
    assert run.series is not None
    job = _insert(user=user, kind=kind, spec=CandleSpec.from_dict(run.config), series=run.series, subject=run)
    enqueue.kick(job.pk)
    return job


def candle_preview(*, spec: CandleSpec) -> dict[str, Any]:
    """What a click would use: parts with rows, times and classes; `problem` where it would not do."""
    data = candle_data(candle_series(spec), spec)
    plan = candle_plan(data, spec)
    nearest = nearest_trainable(data, plan, spec) if plan.problem else ""
    return {**plan.as_dict(), "problem": f"{plan.problem} {nearest}".strip()}


def run_cancel(*, run: TrainingRun, user: User | None) -> TrainingRun:
    """Accepted means that it ends `cancelled`, and its folds with it. Raises TooLate when it has ended."""
    with transaction.atomic():
        answer = leases.request_cancel(run.pk)
        if answer == leases.TOO_LATE:
            raise TooLate(f"Run {run.run_id} has already ended; there is nothing left to cancel.")
        for fold in run.jobs.filter(kind=Kind.FOLD, status__in=ACTIVE):
            leases.request_cancel(fold.pk)
        audit(user, "run.cancel", run.run_id)
    run.refresh_from_db()
    return run


def run_delete(*, run: TrainingRun, user: User | None) -> None:
    """Gone from every list at once. Raises TooLate while it is active or its model is."""
    with transaction.atomic():
        row = TrainingRun.objects.filter(pk=run.pk)
        row.select_for_update().first()  # no model is activated meanwhile: that locks the same row
        for job in run.jobs.filter(status__in=ACTIVE):
            leases.request_cancel(job.pk)
        gone = row.filter(deleted_at=None).exclude(status__in=ACTIVE).exclude(model_version__is_active=True)
        if not gone.update(deleted_at=Now(), deletion=uuid4()):
            if row.filter(model_version__is_active=True).exists():
                raise TooLate(f"The model of run {run.run_id} is active. Deactivate it first.")
            raise TooLate(f"Run {run.run_id} is not over yet. Cancel it first.")
        audit(user, "run.delete", run.run_id)


def _folds_insert(run: TrainingRun, walk: WalkSpec) -> list[TrainingRun]:
    return [
        _insert(user=run.created_by, kind=Kind.FOLD, spec=replace(walk, fold=number), series=None, subject=run)
        for number in range(1, walk.folds + 1)
    ]


def _insert(
    *,
    user: User | None,
    kind: Kind,
    spec: Spec,
    series: Series | None,
    parent: TrainingRun | None = None,
    subject: TrainingRun | None = None,
) -> TrainingRun:
    now, asked = timezone.now(), spec.as_dict()
    for _ in range(50):
        try:
            with transaction.atomic():
                run = TrainingRun.objects.create(
                    run_id=_run_id(now),
                    kind=kind,
                    parent=parent,
                    subject=subject,
                    created_by=user,
                    series=series,
                    candle_at=spec.candle_at,
                    config=asked,
                    params_hash=spec.params_hash(),
                    **{name: asked.get(name) for name in ("protocol", "feature_set", "universe")},
                    created_at=now,
                    kicked_at=now,
                )
                RunEvent.objects.create(run=run, at=now, stage=Status.QUEUED, text="Asked for.")
                return run
        except IntegrityError:  # the same four letters in the same second
            continue
    raise RuntimeError("no free run id was found in 50 tries")


def _run_id(now: datetime) -> str:
    return f"{now:%Y%m%d_%H%M%S}_{''.join(secrets.choice(ID_LETTERS) for _ in range(4))}"


def _lock_queue() -> None:
    """Until the transaction ends. On SQLite every transaction that writes holds the only lock already."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [QUEUE_LOCK])


def _require_room(user: User | None) -> None:
    # Confirmations are asked for by no person, and a walk with its folds counts once.
    active = TrainingRun.objects.filter(status__in=ACTIVE).exclude(kind__in=(Kind.CONFIRMATION, Kind.FOLD))
    if user and active.filter(created_by=user).count() >= settings.MAX_ACTIVE_PER_USER:
        raise TooManyRuns(
            f"You have {settings.MAX_ACTIVE_PER_USER} runs queued or running, the most a person may have. "
            "Wait until one ends, or cancel one.",
            retry_after=5,
        )
    if active.filter(status=Status.QUEUED).count() >= settings.MAX_QUEUED:
        raise TooManyRuns(
            f"{settings.MAX_QUEUED} runs are queued, the most this site allows. Try again in a minute.", retry_after=60
        )


def _remember_key(user: User | None, key: str, spec: Spec, run: TrainingRun) -> None:
    if key and user:
        IdempotencyKey.objects.create(user=user, key=key, body_hash=_body_hash(spec), run=run, created_at=Now())


def _known_key(user: User, key: str, spec: Spec) -> TrainingRun | None:
    """The run that this key started within a day; KeyReused where it was sent with another body."""
    IdempotencyKey.objects.filter(created_at__lt=Now() - KEYS_KEPT).delete()
    known = IdempotencyKey.objects.select_related("run").filter(user=user, key=key).first()
    if known is None:
        return None
    if known.body_hash != _body_hash(spec):
        raise KeyReused("This Idempotency-Key was used for another request. Use a new key for a new run.")
    return known.run


def _body_hash(spec: Spec) -> str:
    return hashlib.sha256(json.dumps(spec.as_dict(), sort_keys=True).encode()).hexdigest()
