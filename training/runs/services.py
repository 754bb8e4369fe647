"""Writes to runs: asking for one, cancelling, deleting. Who may is decided before, by the caller's permission."""

import hashlib
import json
import logging
import secrets
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from boursomatic.accounts.audit import audit
from instruments.universes import universe_bars
from training.errors import KeyReused, TooLate, TooManyRuns
from training.models import ACTIVE, IdempotencyKey, Priority, RunEvent, Status, TrainingRun
from training.quant.universe.panel import COLUMNS
from training.queue import enqueue, leases
from training.recipes.base import HoldsUniverse, Parent, Prepared, Recipe, Spec
from training.recipes.kinds import kind_about, label_of, recipe_of

KEYS_KEPT = timedelta(days=1)
QUEUE_LOCK = 7_301_996  # PostgreSQL advisory lock: counting the active runs and adding one is one step
FLOAT32_BYTES = 4
BINNED = 1.8  # as much again, nearly, for LightGBM's own copy
ID_LETTERS = "23456789abcdefghjkmnpqrstuvwxyz"
log = logging.getLogger("boursomatic.runs")


def run_create(
    *, spec: Spec, user: User | None, retry_of: TrainingRun | None = None, idempotency_key: str = ""
) -> TrainingRun:
    """A queued run with all its parts, told to the workers in the same transaction.

    Raises SpecError for what can't come to anything, TooManyRuns at a limit, KeyReused for a known key with another
    body.
    """
    recipe = recipe_of(spec.kind)
    prepared = recipe.prepare(spec)
    with transaction.atomic():
        _lock_queue()
        if idempotency_key and user and (earlier := _known_key(user, idempotency_key, spec)):
            return earlier
        _require_room(user)
        run, _ = _insert_family(recipe, spec, prepared, user=user, retry_of=retry_of)
        _remember_key(user, idempotency_key, spec, run)
    return run


def run_create_claimed(*, spec: Spec, host: str, pid: int) -> list[tuple[TrainingRun, UUID]]:
    """A run and its parts that are this process's from the moment they can be seen, with their lease tokens: the parts
    first, the run itself last. Raises SpecError."""
    recipe = recipe_of(spec.kind)
    prepared = recipe.prepare(spec)
    with transaction.atomic():
        run, parts = _insert_family(recipe, spec, prepared, user=None, wakes=False)
        return [(each, _claimed(each, host, pid)) for each in [*parts, run]]


def run_create_scheduled(*, spec: Spec, once_key: str, user: User | None = None) -> TrainingRun | None:
    """A queued run that the platform asks for itself; None where there is one with this key already. It counts towards
    nobody's limit. Raises SpecError."""
    recipe = recipe_of(spec.kind)
    prepared = recipe.prepare(spec)
    with transaction.atomic():
        if TrainingRun.objects.filter(once_key=once_key).exists():
            return None
        run, _ = _insert_family(recipe, spec, prepared, user=user, once_key=once_key, counts=False)
    return run


def follow_up_create(*, verb: str, run: TrainingRun, user: User | None) -> TrainingRun:
    """A queued run about a finished one, of the kind that `verb` asks for of such a run. Of a kind that is made once
    for each run, the one that there is already (unless it failed or was cancelled). Raises TooLate where the run has no
    result to ask about."""
    if run.status != Status.COMPLETED or run.deleted_at is not None:
        raise TooLate(f"Run {run.run_id} has no result to ask about: it is {run.status}.")
    kind = kind_about(verb, run.kind)
    if kind is None:
        raise TooLate(f"Run {run.run_id} is a {label_of(run.kind).lower()} run; this can't be asked of it.")
    recipe = recipe_of(kind)
    with transaction.atomic():
        _lock_queue()
        earlier = run.jobs.filter(kind=kind, status__in=(*ACTIVE, Status.COMPLETED)).order_by("-id").first()
        if earlier and (earlier.once_key or earlier.status in ACTIVE):
            return earlier
        if recipe.counts_as_active:
            _require_room(user)
        follow_up = follow_up_insert(kind=kind, run=run, spec=recipe.parse(run.config), user=user)
        audit(user, f"{kind}.create", follow_up.run_id, about=run.run_id)
    return follow_up


def follow_up_insert(*, kind: str, run: TrainingRun, spec: Spec, user: User | None) -> TrainingRun:
    """Row and wake-up of a run about `run`, or of its parts, inside the caller's transaction. What counts towards
    nobody's limit is made by the platform, once for each run; what so follows a part is a part of the same whole."""
    recipe = recipe_of(kind)
    is_own = recipe.counts_as_active
    once_key, parent = (None, None) if is_own else (f"{kind} of {run.run_id}", run.parent)
    prepared = recipe.prepare(spec)
    follow_up = _insert(recipe, spec, prepared, user=user, subject=run, parent=parent, once_key=once_key)
    for _ in _insert_parts(recipe, spec, follow_up, user) or [follow_up]:
        enqueue.enqueue()
    return follow_up


def successor_insert(*, run: TrainingRun, spec: Spec) -> TrainingRun:
    """Row and wake-up of a run of its own that the completion of `run` starts for the same person, inside the caller's
    transaction. It has the place among a person's active runs that `run` leaves. Raises SpecError."""
    recipe = recipe_of(spec.kind)
    successor = _insert(recipe, spec, recipe.prepare(spec), user=run.created_by)
    audit(run.created_by, "run.create", successor.run_id, kind=recipe.kind, after=run.run_id)
    enqueue.enqueue()
    return successor


def run_cancel(*, run: TrainingRun, user: User | None) -> TrainingRun:
    """Accepted means that it ends `cancelled`, and its parts with it. Raises TooLate when it has ended."""
    with transaction.atomic():
        answer = leases.request_cancel(run.pk)
        if answer == leases.TOO_LATE:
            raise TooLate(f"Run {run.run_id} has already ended; there is nothing left to cancel.")
        for part in TrainingRun.objects.filter(Q(parent=run) | Q(parent__parent=run), status__in=ACTIVE):
            leases.request_cancel(part.pk)
        audit(user, "run.cancel", run.run_id)
    run.refresh_from_db()
    return run


def run_stop(*, run: TrainingRun, user: User | None) -> TrainingRun:
    """Accepted means that it ends soon with what it has, `completed`. Raises TooLate when it has ended, or is being
    cancelled."""
    with transaction.atomic():
        if not leases.request_stop(run.pk):
            raise TooLate(f"Run {run.run_id} has already ended, or is being cancelled; there is nothing left to stop.")
        audit(user, "run.stop", run.run_id)
    run.refresh_from_db()
    return run


def run_delete(*, run: TrainingRun, user: User | None) -> None:
    """Gone from every list at once. Raises TooLate while it is active or its model is."""
    with transaction.atomic():
        row = TrainingRun.objects.filter(pk=run.pk)
        row.select_for_update().first()  # no model is activated meanwhile: that locks the same row
        about = Q(subject=run) | Q(parent=run)
        parts = Q(parent__subject=run) | Q(parent__parent=run)
        for job in TrainingRun.objects.filter(about | parts, status__in=ACTIVE):
            leases.request_cancel(job.pk)
        gone = row.filter(deleted_at=None).exclude(status__in=ACTIVE).exclude(model_version__is_active=True)
        if not gone.update(deleted_at=Now(), deletion=uuid4()):
            if row.filter(model_version__is_active=True).exists():
                raise TooLate(f"The model of run {run.run_id} is active. Deactivate it first.")
            raise TooLate(f"Run {run.run_id} is not over yet. Cancel it first.")
        audit(user, "run.delete", run.run_id)


def _insert_family(
    recipe: Recipe,
    spec: Spec,
    prepared: Prepared,
    *,
    user: User | None,
    retry_of: TrainingRun | None = None,
    once_key: str | None = None,
    counts: bool = True,
    wakes: bool = True,
) -> tuple[TrainingRun, list[TrainingRun]]:
    run = _insert(recipe, spec, prepared, user=user, retry_of=retry_of, once_key=once_key, counts=counts)
    parts = _insert_parts(recipe, spec, run, user)
    if wakes:  # before the audit: after the commit workers hear of it first, then the entry is chained
        for _ in parts or [run]:
            enqueue.enqueue()
    about = {"symbol": str(prepared.series), "candle": spec.as_dict().get("candle")} if prepared.series else {}
    audit(user, "run.create", run.run_id, kind=recipe.kind, universe=prepared.universe, **about)
    return run, parts


def _insert_parts(recipe: Recipe, spec: Spec, run: TrainingRun, user: User | None) -> list[TrainingRun]:
    """Rows of the parts of `run`; none for a kind that has none."""
    parts: list[TrainingRun] = []
    for part in recipe.parts(spec) if isinstance(recipe, Parent) else ():
        its = recipe_of(part.spec.kind)
        memory = parts[0].memory if parts else None  # all are alike, and a universe's bars are counted once
        parts.append(_insert(its, part.spec, its.prepare(part.spec), user=user, memory=memory, parent=run))
    return parts


def _insert(
    recipe: Recipe,
    spec: Spec,
    prepared: Prepared,
    *,
    user: User | None,
    counts: bool = True,
    memory: int | None = None,
    **more: Any,
) -> TrainingRun:
    """`memory`: that it needs, if that is known; `more`: retry_of, parent, subject, once_key."""
    now, is_part = timezone.now(), more.get("parent") is not None
    memory = _memory_of(recipe, prepared.universe) if memory is None else memory
    assert recipe.needs_subject == (more.get("subject") is not None)
    for _ in range(50):
        try:
            with transaction.atomic():
                run = TrainingRun.objects.create(
                    run_id=_run_id(now),
                    kind=recipe.kind,
                    created_by=user,
                    config=spec.as_dict(),
                    params_hash=spec.params_hash(),
                    priority=Priority.ABOUT if is_part and recipe.priority < Priority.ABOUT else recipe.priority,
                    memory=memory,
                    counts=counts and recipe.counts_as_active and not is_part,
                    created_at=now,
                    kicked_at=now,
                    **vars(prepared),
                    **more,
                )
                RunEvent.objects.create(run=run, at=now, stage=Status.QUEUED, text="Submitted.")
                transaction.on_commit(
                    partial(log.info, "Run submitted.", extra={"run_id": run.run_id, "kind": run.kind})
                )
                return run
        except IntegrityError:  # the same four letters in the same second
            if more.get("once_key") and TrainingRun.objects.filter(once_key=more["once_key"]).exists():
                raise
    raise RuntimeError("no free run id was found in 50 tries")


def _memory_of(recipe: Recipe, universe: str | None) -> int:
    """Bytes that the rows of its universe take while it fits, with what LightGBM makes of them."""
    if not (universe and isinstance(recipe, HoldsUniverse)):
        return 0
    return round(recipe.copies * universe_bars(universe) * len(COLUMNS) * FLOAT32_BYTES * BINNED)


def _claimed(run: TrainingRun, host: str, pid: int) -> UUID:
    token = leases.claim(run.pk, host=host, pid=pid)
    assert token is not None  # nobody else has seen it yet
    return token


def _run_id(now: datetime) -> str:
    return f"{now:%Y%m%d_%H%M%S}_{''.join(secrets.choice(ID_LETTERS) for _ in range(4))}"


def _lock_queue() -> None:
    """Until the transaction ends. On SQLite every transaction that writes holds the only lock already."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [QUEUE_LOCK])


def _require_room(user: User | None) -> None:
    active = TrainingRun.objects.filter(status__in=ACTIVE, counts=True)
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
