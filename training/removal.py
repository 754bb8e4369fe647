"""How runs go: marked as deleted by people or by retention, then, ten minutes later, rows and files."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from boursomatic.accounts.audit import audit
from boursomatic.accounts.roles import Role, role_of
from training import leases
from training.errors import TooLate
from training.inventory import SWEPT
from training.models import ACTIVE, ModelVersion, TrainingRun
from training.storage import artifact_storage, run_folder

UNDO = timedelta(minutes=10)
Runs = QuerySet[TrainingRun]


def run_undelete(*, run: TrainingRun, user: User | None) -> None:
    """Raises TooLate after the ten minutes in which a run can be brought back."""
    with transaction.atomic():
        back = TrainingRun.objects.filter(pk=run.pk, deleted_at__gte=Now() - UNDO)
        if not back.update(deleted_at=None):
            raise TooLate(f"Run {run.run_id} can't be brought back: it was deleted more than ten minutes ago.")
        audit(user, "run.undelete", run.run_id)


def deletable(runs: Runs, *, user: User | None) -> Runs:
    """Of these runs those that `user` may delete and that can be: over, and without an active model."""
    if user is not None and role_of(user) not in (Role.MANAGER, Role.ADMIN):
        runs = runs.filter(created_by=user)
    over = runs.filter(deleted_at=None, subject=None).exclude(status__in=ACTIVE)
    return over.exclude(model_version__is_active=True)


def runs_delete(runs: Runs, *, user: User | None, why: str) -> int:
    """Marks all that `deletable` leaves of them; says how many."""
    with transaction.atomic():
        chosen = list(deletable(runs, user=user).values_list("pk", flat=True))
        for job in TrainingRun.objects.filter(subject__in=chosen, status__in=ACTIVE).values_list("pk", flat=True):
            leases.request_cancel(job)
        gone = deletable(TrainingRun.objects.filter(pk__in=chosen), user=user).update(deleted_at=Now())
        if gone:
            audit(user, "runs.delete", why, runs=gone)
    return gone


def bytes_of(runs: Runs) -> int:
    """What the files of these runs take."""
    storage = artifact_storage()
    return sum(storage.bytes_in(run_folder(run_id)) for run_id in runs.values_list("run_id", flat=True).iterator())


def sweep_deleted(most: int) -> int:
    """Removes what was deleted more than ten minutes ago: rows first, files after them. Tries stay counted."""
    due = TrainingRun.objects.filter(deleted_at__lt=Now() - UNDO).exclude(status__in=ACTIVE)
    due = due.exclude(jobs__status__in=ACTIVE).exclude(model_version__is_active=True).order_by("pk")
    removed = 0
    for pk, run_id in due.values_list("pk", "run_id")[:most]:
        with transaction.atomic():
            run = due.filter(pk=pk).select_for_update(of=("self",)).first()
            if run is None:  # brought back, or removed by another host
                continue
            ModelVersion.objects.filter(run=run).delete()
            run.delete()
            audit(None, SWEPT, run_id)
        artifact_storage().discard(run_folder(run_id))
        removed += 1
    return removed
