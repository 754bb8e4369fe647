"""Who holds a run: the only writer of a run's status columns.

Every write is one conditional UPDATE on id, token and status, so that a worker that lost its lease can change nothing
and a terminal row never changes. Beats are on a clock that all share (training.queue.clock). Each transition leaves a
RunEvent in the same transaction.
"""

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Case, Count, Exists, F, IntegerField, Model, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce, Now

from boursomatic.notices.models import NoticeKind
from boursomatic.notices.services import notice_make
from training.models import ACTIVE, Priority, Reason, RunEvent, Status, TrainingRun
from training.queue import clock

MAX_ATTEMPTS = 3
PATIENCE = timedelta(minutes=10)  # a run that has waited so long moves up a class
LEASE_S: float = settings.HEARTBEAT_S
BEAT_EVERY_S: float = min(LEASE_S / 5, 5.0)

CLAIM_LOCK = 7_301_999  # PostgreSQL advisory lock
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)

# What request_cancel answers.
CANCELLED = "cancelled"
CANCELLING = "cancelling"
TOO_LATE = "too_late"


class LeaseLost(Exception):
    """Another worker may have the run: stop, and write nothing more."""


class Cancelled(Exception):
    """Somebody asked for the run to be cancelled: stop, and leave no model and no files."""


def claim(
    run_pk: int, *, host: str, pid: int, room: Callable[[], bool] | None = None, while_true: Q | None = None
) -> uuid.UUID | None:
    """Takes a queued run: the token that every later write needs, or None when somebody else was faster, or there is no
    `room` for it, which is asked for while nobody else does, or `while_true` isn't when it is taken."""
    token = uuid.uuid4()
    with transaction.atomic():
        if room:
            _lock_claims()
            if not room():
                return None
        queued = TrainingRun.objects.filter(while_true or Q(), pk=run_pk, status=Status.QUEUED, deleted_at=None)
        taken = queued.update(
            status=Status.RUNNING,
            stage="start",
            progress=0.0,
            message="",
            live_curve=[],
            attempt=F("attempt") + 1,
            lease_token=token,
            lease_beat_at=clock.Clock(),
            started_at=Now(),
            worker_host=host,
            worker_pid=pid,
        )
        if not taken:
            return None
        _log(run_pk, "start", f"Taken by worker {pid} on {host}.")
    return token


def ready() -> QuerySet[TrainingRun]:
    """What waits for a worker: a run with parts does when all of them have ended."""
    unfinished = TrainingRun.objects.filter(parent=OuterRef("pk"), status__in=ACTIVE)
    return TrainingRun.objects.filter(status=Status.QUEUED, deleted_at=None).exclude(Exists(unfinished))


def next_queued(of: Q | None = None) -> int | None:
    """The queued run whose turn it is, of all or those that `of` allows: by class, a run that has waited ten minutes
    one class up; inside a class whole runs before parts of others, which are many; then what somebody asked for; then
    the person with the fewest running, of these the one who has waited longest since the last start, then the oldest.
    However long a part has waited, it is before no whole run about another."""
    queued = ready().filter(of or Q())
    two = list(queued.order_by("pk").values_list("pk", flat=True)[:2])
    if len(two) < 2:  # as a rule: nothing to choose between
        return two[0] if two else None
    has_waited = Q(created_at__lt=Now() - PATIENCE, priority__gt=0) & ~Q(
        parent__isnull=False, priority__lte=Priority.ABOUT
    )
    turn = queued.annotate(
        turn=Case(When(has_waited, then=F("priority") - 1), default=F("priority"), output_field=IntegerField()),
        is_part=Q(parent__isnull=False),
        is_nobodys=Q(created_by=None),
        person=_turn_of_person(queued),
    )
    return turn.order_by("turn", "is_part", "is_nobodys", "person", "pk").values_list("pk", flat=True).first()


def _turn_of_person(queued: QuerySet[TrainingRun]) -> Case:
    """Who has the fewest running, and of these has waited longest since the last start. Told once for each person who
    waits, not for each run: that would look through all runs that wait for each of them."""
    theirs = TrainingRun.objects.filter(created_by=OuterRef("pk"), counts=True)
    running = theirs.filter(status=Status.RUNNING).order_by().values("created_by").annotate(n=Count("pk")).values("n")
    started = theirs.filter(started_at__isnull=False).order_by("-pk").values("started_at")
    persons = User.objects.filter(pk__in=queued.order_by().values("created_by")).values_list(
        "pk", Coalesce(Subquery(running), 0), Coalesce(Subquery(started[:1]), Value(_NEVER))
    )
    served = {pk: (busy, last) for pk, busy, last in persons}
    turns = {key: number for number, key in enumerate(sorted(set(served.values())))}
    whens = [When(created_by=pk, then=Value(turns[key])) for pk, key in served.items()]
    return Case(When(created_by=None, then=Value(0)), *whens, default=Value(0), output_field=IntegerField())


def beat(run_pk: int, token: uuid.UUID) -> bool:
    """Says that the run's worker lives; False when the lease is lost."""
    return bool(_held(run_pk, token).update(lease_beat_at=clock.Clock()))


def progress_write(
    run_pk: int,
    token: uuid.UUID,
    *,
    stage: str,
    progress: float,
    message: str,
    live_curve: list[Any] | None = None,
    log: Sequence[RunEvent] = (),
) -> None:
    """How far a running run is, and the lines of its log that were kept until now.

    Raises Cancelled or LeaseLost when the run is no longer to be worked on.
    """
    values: dict[str, Any] = {
        "stage": stage,
        "progress": progress,
        "message": message[:300],
        "lease_beat_at": clock.Clock(),
    }
    if live_curve is not None:
        values["live_curve"] = live_curve
    going_on = _held(run_pk, token).filter(cancel_requested_at=None)
    with transaction.atomic():
        if not going_on.update(**values):
            refuse(run_pk, token)
        RunEvent.objects.bulk_create(log)


def rows_write(run_pk: int, token: uuid.UUID, rows: Sequence[Model]) -> None:
    """Stores new rows of one table for the holder of a run. Raises Cancelled or LeaseLost, and then stores nothing."""
    with transaction.atomic():
        if not _held(run_pk, token).filter(cancel_requested_at=None).update(lease_beat_at=clock.Clock()):
            refuse(run_pk, token)
        type(rows[0])._default_manager.bulk_create(rows)


def log_write(run_pk: int, token: uuid.UUID, log: Sequence[RunEvent]) -> None:
    """The lines of a run's log that were kept until now, where its holder goes no further."""
    if log and _held(run_pk, token).exists():
        RunEvent.objects.bulk_create(log)


def refuse(run_pk: int, token: uuid.UUID) -> NoReturn:
    """Why a write of this run's holder changed nothing, as exception."""
    raise Cancelled if _held(run_pk, token).exists() else LeaseLost


def finish(
    run_pk: int,
    token: uuid.UUID,
    *,
    status: str,
    result: dict[str, Any] | None = None,
    detail: dict[str, Any] | None = None,
    folder: str = "",
    error: str = "",
    error_reason: str = "",
    error_trace: str = "",
    log: Sequence[RunEvent] = (),
) -> bool:
    """Ends a run whose files are in `folder`, and stores the `log` of its stages. False: the lease is lost, or a cancel
    was accepted before (then only `cancelled` is a true end)."""
    held = _held(run_pk, token)
    if status != Status.CANCELLED:
        held = held.filter(cancel_requested_at=None)
    values: dict[str, Any] = {"error": error, "error_reason": error_reason, "error_trace": error_trace}
    if status == Status.COMPLETED:
        values |= {"progress": 1.0, "message": ""}
    else:
        values["once_key"] = None
    if folder:
        values["folder"] = folder
    if result is not None:
        evidence = result.get("rank_test") or result.get("evidence") or {}
        values |= {"result": result, "auc": evidence.get("auc"), "p_value": evidence.get("p_value")}
    if detail is not None:
        values["detail"] = detail
    with transaction.atomic():
        ended = held.update(status=status, stage=status, finished_at=Now(), lease_token=None, **values)
        if ended:
            _log(run_pk, status, error or f"{Status(status).label}.", after=log)
            _notice(run_pk)
    return bool(ended)


def requeue(run_pk: int, token: uuid.UUID, why: str, *, counts: bool = True) -> bool:
    """Returns a run that its worker can't go on with; it is queued again at once, or ends after the last attempt.

    An attempt that doesn't count (the worker was told to stop) is not one of the three.
    """
    held = _held(run_pk, token)
    with transaction.atomic():
        if not counts:
            held.update(attempt=F("attempt") - 1)
        return _reclaim(held, run_pk, why)


def reclaim_expired() -> list[int]:
    """Takes back every run whose worker has not beaten for a lease's time; the ids of those that are queued again.

    Cheap when nothing is lost (one indexed read), so that pages may call it before they show a run.
    """
    stale = TrainingRun.objects.filter(clock.stale("lease_beat_at", LEASE_S), status=Status.RUNNING)
    queued_again = []
    for run_pk, token in stale.values_list("pk", "lease_token"):
        still_stale = stale.filter(pk=run_pk, lease_token=token)
        if _reclaim(still_stale, run_pk, "The worker was lost") and _is_queued(run_pk):
            queued_again.append(run_pk)
    return queued_again


def release(host: str, pids: Collection[int], *, counts: bool = True) -> None:
    """Takes back what these processes held, which are known to have ended: no need to wait for the lease's end."""
    held = TrainingRun.objects.filter(status=Status.RUNNING, worker_host=host, worker_pid__in=pids)
    for run_pk, token in held.values_list("pk", "lease_token"):
        if token is not None:
            requeue(run_pk, token, "The worker was lost" if counts else "The worker was stopped", counts=counts)


def request_cancel(run_pk: int) -> str:
    """CANCELLED at once when queued, CANCELLING when a worker has to stop first, TOO_LATE when it has ended."""
    for _ in range(MAX_ATTEMPTS):  # between the two updates a run may be claimed or taken back
        with transaction.atomic():
            if TrainingRun.objects.filter(pk=run_pk, status=Status.QUEUED).update(
                status=Status.CANCELLED,
                stage=Status.CANCELLED,
                cancel_requested_at=Now(),
                finished_at=Now(),
                once_key=None,
            ):
                _log(run_pk, Status.CANCELLED, "Cancelled before it started.")
                return CANCELLED
            running = TrainingRun.objects.filter(pk=run_pk, status=Status.RUNNING)
            if running.filter(cancel_requested_at=None).update(cancel_requested_at=Now()):
                _log(run_pk, "cancel", "Cancel asked for.")
                return CANCELLING
            if running.exists():
                return CANCELLING
    return TOO_LATE


def request_stop(run_pk: int) -> bool:
    """Asks a run to end soon with what it has by then; False when it has ended, or is to be cancelled."""
    going_on = TrainingRun.objects.filter(pk=run_pk, status__in=ACTIVE, cancel_requested_at=None)
    with transaction.atomic():
        if going_on.filter(stop_requested_at=None).update(stop_requested_at=Now()):
            _log(run_pk, "stop", "Stop asked for: it ends with what it has.")
            return True
    return going_on.exists()


def stop_requested(run_pk: int) -> bool:
    return TrainingRun.objects.filter(pk=run_pk, stop_requested_at__isnull=False).exists()


@contextmanager
def short_lock_timeout() -> Iterator[None]:
    """Inside, a locked SQLite answers after 0.1 s instead of 20: a heartbeat would rather try again than wait."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 100")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {int(connection.settings_dict['OPTIONS'].get('timeout', 5) * 1000)}")


def _lock_claims() -> None:
    """Until the transaction ends. On SQLite all that write wait for each other."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])


def _held(run_pk: int, token: uuid.UUID) -> Any:
    return TrainingRun.objects.filter(pk=run_pk, lease_token=token, status=Status.RUNNING)


def _is_queued(run_pk: int) -> bool:
    return TrainingRun.objects.filter(pk=run_pk, status=Status.QUEUED).exists()


def _reclaim(held: Any, run_pk: int, why: str) -> bool:
    """running -> cancelled if asked for, queued while attempts are left, else failed; True if the row moved."""
    with transaction.atomic():
        if held.exclude(cancel_requested_at=None).update(
            status=Status.CANCELLED, stage=Status.CANCELLED, finished_at=Now(), lease_token=None, once_key=None
        ):
            _log(run_pk, Status.CANCELLED, f"{why}; it was to be cancelled, and so it is.")
            return True
        if held.filter(attempt__lt=MAX_ATTEMPTS).update(
            status=Status.QUEUED,
            stage=Status.QUEUED,
            progress=0.0,
            message=f"{why[:200]}; it begins again by itself once a worker can take it.",
            lease_token=None,
            lease_beat_at=None,
            started_at=None,
            worker_host="",
            worker_pid=None,
        ):
            _log(run_pk, Status.QUEUED, f"{why}; back in the queue.")
            return True
        sentence = f"{why}, the last of {MAX_ATTEMPTS} attempts. Train it again, or ask who runs the workers."
        if held.filter(~Q(attempt__lt=MAX_ATTEMPTS)).update(
            status=Status.FAILED,
            stage=Status.FAILED,
            error=sentence,
            error_reason=Reason.LOST_WORKER,
            finished_at=Now(),
            lease_token=None,
            once_key=None,
        ):
            _log(run_pk, Status.FAILED, sentence)
            _notice(run_pk)
            return True
    return False


def _notice(run_pk: int) -> None:
    """Tells the person who asked for the run that it has ended. A cancel is somebody's click, and no news; parts,
    follow-ups and scheduled runs nobody waits for."""
    columns = ("run_id", "kind", "status", "error", "universe", "candle_at", "created_by__username")
    of_series = ("series__timeframe", "series__instrument__symbol")
    rows = TrainingRun.objects.select_related("created_by", "series__instrument").only(*columns, *of_series)
    run = rows.filter(pk=run_pk, counts=True, created_by__isnull=False).exclude(status=Status.CANCELLED).first()
    if run is None:
        return
    about = f"{run.series}, {run.candle_at:%Y-%m-%d}" if run.series and run.candle_at else run.universe
    text = f"{run.kind.capitalize()} run{f' of {about}' if about else ''} {run.status}."
    notice_make(NoticeKind.RUN, run.run_id, f"{text} {run.error}".strip(), to=run.created_by)


def _log(run_pk: int, stage: str, text: str, *, after: Sequence[RunEvent] = ()) -> None:
    """One line, and those that were kept until now."""
    attempt = after[0].attempt if after else TrainingRun.objects.values_list("attempt", flat=True).get(pk=run_pk)
    line = RunEvent(run_id=run_pk, at=Now(), attempt=attempt, stage=stage[:30], text=text[:500])
    RunEvent.objects.bulk_create([*after, line])
