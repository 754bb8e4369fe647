"""Which model is active: at most one of a scope, changed under a lock, and kept as a history."""

import zlib
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from boursomatic.accounts.audit import audit
from training.errors import ActiveChanged, GateRefused
from training.gate import gate_checks
from training.models import Activation, Kind, ModelVersion

UNASKED: Any = object()  # the caller expects nothing of the model that is active now
_LOCK = 7_301_997  # first half of PostgreSQL's advisory locks of scopes


def model_activate(
    *,
    model: ModelVersion,
    user: User | None,
    reason: str,
    expected: str | None = UNASKED,
    override: bool = False,
) -> Activation:
    """Makes `model` the active one of its scope.

    Raises ActiveChanged where another than `expected` is active (None: none must be), GateRefused where the gate does
    and `override` isn't set.
    """
    gate = gate_checks(model)  # reads files: before the lock
    failed = [check["check"] for check in gate if not check["passed"]]
    with transaction.atomic():
        now = _lock_and_look(model, expected)
        if failed and not override:
            raise GateRefused(f"The gate refuses {model.version}: {', '.join(failed)}.", gate)
        if now:
            ModelVersion.objects.filter(pk=now.pk).update(is_active=False)
        if not ModelVersion.objects.filter(pk=model.pk, run__deleted_at=None).update(is_active=True):
            raise ActiveChanged(f"The run of {model.version} was deleted; it can't be activated.")
        made = _record(model, model.version, now, user, reason, overridden=bool(failed), gate=gate)
        audit(user, "model.activate", model.version, reason=reason, overridden=made.overridden, previous=made.previous)
    model.is_active = True
    return made


def model_deactivate(*, model: ModelVersion, user: User | None, reason: str) -> Activation:
    """Its scope has no active model any more. Raises ActiveChanged where it isn't the active one."""
    with transaction.atomic():
        now = _lock_and_look(model, model.version)
        ModelVersion.objects.filter(pk=model.pk).update(is_active=False)
        made = _record(model, "", now, user, reason)
        audit(user, "model.deactivate", model.version, reason=reason)
    model.is_active = False
    return made


def active_on(moment: datetime) -> list[Activation]:
    """The activation in force at `moment` of each scope that had one then, by scope."""
    last = {one.scope: one for one in Activation.objects.filter(at__lte=moment).order_by("id")}
    return sorted((one for one in last.values() if one.version), key=lambda one: one.scope)


def activation_json(made: Activation) -> dict[str, Any]:
    return {
        "scope": made.scope,
        "version": made.version or None,
        "previous": made.previous or None,
        "at": made.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "by": made.by.get_username() if made.by else None,
        "reason": made.reason,
        "overridden": made.overridden,
        "gate": made.gate,
    }


def scope_text(model: ModelVersion) -> str:
    """The scope in words: `SPY 1d`, or `few 1d, 20 bars`."""
    scope = model.scope
    if model.kind == Kind.UNIVERSE:
        return f"{scope['universe']} {scope['timeframe']}, {scope['horizon']} bars"
    return f"{scope['symbol']} {scope['timeframe']}"


def _lock_and_look(model: ModelVersion, expected: str | None) -> ModelVersion | None:
    """The scope's active model, with nobody else about to change it: until the transaction ends. On SQLite every
    transaction that writes holds the only lock already."""
    if connection.vendor == "postgresql":
        key = zlib.crc32(scope_text(model).encode()) - 2**31
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, key])
    rows = ModelVersion.objects.filter(is_active=True, kind=model.kind)
    if model.kind == Kind.UNIVERSE:
        now = rows.filter(universe=model.universe, horizon=model.horizon).first()
    else:
        now = rows.filter(series=model.series_id).first()
    if expected is not UNASKED and (now.version if now else None) != expected:
        there = now.version if now else "none"
        raise ActiveChanged(
            f"The active model of {scope_text(model)} is {there}, not {expected or 'none'}. Look again."
        )
    return now


def _record(
    model: ModelVersion, version: str, previous: ModelVersion | None, user: User | None, reason: str, **more: Any
) -> Activation:
    return Activation.objects.create(
        scope=scope_text(model),
        version=version,
        previous=previous.version if previous else "",
        at=timezone.now(),
        by=user,
        reason=reason,
        **more,
    )
