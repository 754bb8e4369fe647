"""How runs go: marked as deleted by people or by retention, then, ten minutes later, rows and files."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import Now

from boursomatic.accounts.audit import audit
from boursomatic.accounts.roles import Role, may_change_run_of, role_of
from training.artifacts.integrity import SWEPT
from training.artifacts.storage import artifact_storage, folder_of
from training.errors import TooLate
from training.models import ACTIVE, ModelVersion, TrainingRun
from training.queue import leases
from training.recipes.kinds import listed_kinds

UNDO = timedelta(minutes=10)
SHOWN = 5  # of the deletions that can still be undone
MEASURED = 1_000  # runs whose files are looked at before many go
AT_ONCE = 5_000  # runs in one statement: SQLite takes so many parameters and not many more
Runs = QuerySet[TrainingRun]


@dataclass(frozen=True)
class Deletion:
    """Runs that went together; `run_id` is the first of them."""

    key: UUID
    runs: int
    run_id: str
    at: datetime


def run_undelete(*, run: TrainingRun, user: User | None) -> None:
    """Raises TooLate after the ten minutes in which a run can be brought back, or when it is back already."""
    with transaction.atomic():
        back = TrainingRun.objects.filter(pk=run.pk, deleted_at__gte=Now() - UNDO)
        if not back.update(deleted_at=None, deletion=None):
            why = "it is back already" if run.deleted_at is None else "it was deleted more than ten minutes ago"
            raise TooLate(f"Run {run.run_id} can't be brought back: {why}.")
        audit(user, "run.undelete", run.run_id)


def runs_undelete(*, deletion: UUID, user: User | None) -> int:
    """Brings back what was deleted together, as far as `user` may; says how many. Raises TooLate where there is
    nothing."""
    with transaction.atomic():
        back = _changeable(TrainingRun.objects.filter(deletion=deletion, deleted_at__gte=Now() - UNDO), user)
        count = back.update(deleted_at=None, deletion=None)
        if not count:
            raise TooLate("There is nothing to bring back: it is back already, or ten minutes are over.")
        audit(user, "runs.undelete", str(deletion), runs=count)
    return count


def recent_deletions(user: User | None) -> list[Deletion]:
    """What `user` can still bring back, newest first. One query, of what went in the last ten minutes."""
    gone = TrainingRun.objects.filter(deleted_at__gte=Now() - UNDO, deletion__isnull=False)
    groups = _changeable(gone, user).order_by().values("deletion")
    found = groups.annotate(runs=Count("pk"), first=Min("run_id"), at=Max("deleted_at")).order_by("-at")[:SHOWN]
    return [Deletion(one["deletion"], one["runs"], one["first"], one["at"]) for one in found if one["deletion"]]


def deletable(runs: Runs, *, user: User | None, pinned: bool = False) -> Runs:
    """Of these runs those that `user` may delete and that can be: over, and without an active model; pinned ones only
    where they were named one by one (`pinned`)."""
    over = _changeable(runs, user).filter(deleted_at=None, subject=None, parent=None).exclude(status__in=ACTIVE)
    if not pinned:
        over = over.exclude(description__pinned=True)
    return over.exclude(model_version__is_active=True)


def kept_back(names: Collection[str], *, user: User) -> list[tuple[str, str]]:
    """Of runs named one by one those that can't be deleted now, and why."""
    runs = TrainingRun.objects.of_kinds(listed_kinds()).filter(run_id__in=names).select_related("model_version")
    there = {run.run_id: _why_kept(run, user) for run in runs}
    return [(name, there.get(name, "there is no such run")) for name in names if there.get(name, "gone")]


def runs_delete(runs: Runs, *, user: User | None, why: str, pinned: bool = False, deletion: UUID | None = None) -> int:
    """Marks all that `deletable` leaves of them; says how many. Under one key (`deletion`) they come back together."""
    gone = 0
    with transaction.atomic():
        chosen = list(deletable(runs, user=user, pinned=pinned).values_list("pk", flat=True))
        for at in range(0, len(chosen), AT_ONCE):
            some = chosen[at : at + AT_ONCE]
            rows = TrainingRun.objects.filter(pk__in=some).order_by("pk")
            list(rows.select_for_update().values("pk"))  # none of their models is activated meanwhile
            for job in TrainingRun.objects.filter(subject__in=some, status__in=ACTIVE).values_list("pk", flat=True):
                leases.request_cancel(job)
            still = deletable(TrainingRun.objects.filter(pk__in=some), user=user, pinned=pinned)
            gone += still.update(deleted_at=Now(), deletion=deletion)
        if gone:
            audit(user, "runs.delete", why, runs=gone)
    return gone


def bytes_of(runs: Runs, count: int) -> int:
    """What the files of these `count` runs take; of more than MEASURED, as far as those can tell."""
    newest = runs.order_by("-pk").only("run_id", "folder")[:MEASURED]
    measured = artifact_storage().bytes_in([folder_of(run) for run in newest])
    return measured if count <= MEASURED else round(measured * count / MEASURED)


def sweep_deleted(most: int) -> int:
    """Removes what was deleted more than ten minutes ago: rows first, files after them. Tries stay counted."""
    due = TrainingRun.objects.filter(deleted_at__lt=Now() - UNDO).exclude(status__in=ACTIVE)
    due = (
        due.exclude(jobs__status__in=ACTIVE)
        .exclude(parts__status__in=ACTIVE)
        .exclude(model_version__is_active=True)
        .order_by("pk")
    )
    removed = 0
    for pk, run_id in due.values_list("pk", "run_id")[:most]:
        with transaction.atomic():
            run = due.filter(pk=pk).select_for_update(of=("self",)).first()
            if run is None:  # brought back, or removed by another host
                continue
            ModelVersion.objects.filter(run=run).delete()
            run.parts.exclude(model_version=None).update(parent=None)  # a model outlives the run that asked for it
            gone = [run_id, *run.parts.values_list("run_id", flat=True)]  # parts may have left files
            run.delete()
            audit(None, SWEPT, run_id)
        for one in gone:
            artifact_storage().discard_run(one)
        removed += 1
    return removed


def _changeable(runs: Runs, user: User | None) -> Runs:
    """One's own, anyone's for managers, all for the platform itself."""
    if user is None or role_of(user) in (Role.MANAGER, Role.ADMIN):
        return runs
    return runs.filter(created_by=user)


def _why_kept(run: TrainingRun, user: User) -> str:
    if run.deleted_at is not None:
        return "it was deleted already"
    if not may_change_run_of(user, run.created_by_id):
        return "it is another member's"
    if run.status in ACTIVE:
        return f"it is {run.status}; cancel it first"
    model = getattr(run, "model_version", None)
    return "its model is active; deactivate it first" if model and model.is_active else ""
