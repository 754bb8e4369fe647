"""Refreshes started: of a source one at a time, whoever asks, so that its limit of calls holds."""

from django.contrib.auth.models import User
from django.db import transaction

from instruments.models import Source
from training.models import ACTIVE, IdempotencyKey, TrainingRun
from training.recipes.refresh.spec import RefreshSpec
from training.runs.services import run_create, run_create_scheduled


class SourceBusy(Exception):
    """A run asks this source already."""


def active_refresh(source: str) -> TrainingRun | None:
    """The one on its way that asks this source, "" any."""
    active = TrainingRun.objects.existing().filter(kind=RefreshSpec.kind, status__in=ACTIVE).order_by("pk")
    return (active.filter(config__source__in=[source, ""]) if source else active).first()


def refresh_start(*, spec: RefreshSpec, user: User | None, idempotency_key: str = "") -> tuple[TrainingRun, bool]:
    """A queued run and True, or the one that asks this source already and False. Raises as `run_create`."""
    with transaction.atomic():
        _lock(spec)
        is_repeated = IdempotencyKey.objects.filter(user=user, key=idempotency_key).exists()
        if not is_repeated and (active := active_refresh(spec.source)):
            return active, False
        return run_create(spec=spec, user=user, idempotency_key=idempotency_key), True


def refresh_start_scheduled(*, spec: RefreshSpec, once_key: str, user: User | None = None) -> TrainingRun | None:
    """None where a run with this key was made. Raises SourceBusy, SpecError."""
    with transaction.atomic():
        _lock(spec)
        if active_refresh(spec.source):
            raise SourceBusy
        return run_create_scheduled(spec=spec, once_key=once_key, user=user)


def _lock(spec: RefreshSpec) -> None:
    """Until the transaction ends nobody else starts one."""
    rows = Source.objects.filter(name=spec.source) if spec.source else Source.objects.all()
    list(rows.select_for_update().order_by("pk").values_list("pk"))
