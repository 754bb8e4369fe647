"""Which model is active: at most one of a scope, changed under a lock, and kept as a history."""

import zlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils import timezone

from boursomatic.accounts.audit import audit
from boursomatic.notices.models import NoticeKind
from boursomatic.notices.services import notice_make
from training.errors import ActiveChanged, GateRefused, TooLate
from training.models import Activation, ModelVersion, ModelVersionQuerySet, TrainingRun
from training.registry.gate import check_label, gate_checks, not_intact, refusals

ANY_ACTIVE: Any = object()  # the caller expects nothing of the model that is active now
_LOCK = 7_301_997  # first half of PostgreSQL's advisory locks of scopes


def model_activate(
    *,
    model: ModelVersion,
    user: User | None,
    reason: str,
    expected: str | None = ANY_ACTIVE,
    override: bool = False,
) -> Activation:
    """Makes `model` the active one of its scope.

    Raises ActiveChanged where another than `expected` is active (None: none must be), GateRefused where the gate does
    and `override` isn't set, or files of the model are missing or changed: no override passes those.
    """
    gate = gate_checks(model)  # reads files: before the lock
    failed = refusals(gate)
    with transaction.atomic():
        now = _lock_and_look(model, expected)
        if broken := not_intact(model, gate):
            raise GateRefused(broken, gate, overridable=False)
        if failed and not override:
            raise GateRefused(
                f"Activation checks of {model.version} failed: {', '.join(map(check_label, failed))}.", gate
            )
        if now:
            ModelVersion.objects.filter(pk=now.pk).update(is_active=False)
        run = TrainingRun.objects.select_for_update().filter(pk=model.run_id, deleted_at=None).values("pk")
        if not run or not ModelVersion.objects.filter(pk=model.pk).update(is_active=True):
            raise ActiveChanged(f"The run of {model.version} was deleted; it can't be activated.")
        made = _record(model, model.version, now, user, reason, overridden=bool(failed), gate=gate)
        audit(user, "model.activate", model.version, reason=reason, overridden=made.overridden, previous=made.previous)
    model.is_active = True
    return made


def model_roll_back(*, model: ModelVersion, user: User | None, reason: str = "") -> Activation:
    """What was active before `model` is active again.

    What the gate finds today is kept, but doesn't stop it: the earlier model went through the gate, or over it with a
    reason, when it was activated. Changed files do. Raises ActiveChanged where `model` isn't the active one, TooLate
    where nothing was active before it, or that is gone.
    """
    back = roll_back_target(model)
    why = f"Rolled back from {model.version}" + (f": {reason}" if reason else "")
    try:
        return model_activate(model=back, user=user, reason=why[:500], expected=model.version, override=True)
    except GateRefused as error:
        raise TooLate(str(error)) from error


def roll_back_target(model: ModelVersion) -> ModelVersion:
    """What `model_roll_back` would activate; raises as it does."""
    if not model.is_active:
        raise ActiveChanged(f"{model.version} is not active, so there is nothing to roll back. Look again.")
    made = Activation.objects.filter(scope=scope_text(model)).first()
    before = made.previous if made else ""
    back = ModelVersion.objects.existing().select_related("run", "series__instrument").filter(version=before).first()
    if back is None:
        raise TooLate(f"{before} is gone; it can't be activated again." if before else "Nothing was active before it.")
    return back


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


def activations_of(models: Sequence[ModelVersion]) -> dict[str, Activation]:
    """By version, of the active ones among `models`: the activation in force. At most one query."""
    versions = [one.version for one in models if one.is_active]
    rows = Activation.objects.filter(version__in=versions).select_related("by").order_by("id") if versions else []
    return {one.version: one for one in rows}


def activation_json(activation: Activation) -> dict[str, Any]:
    return {
        "scope": activation.scope,
        "version": activation.version or None,
        "previous": activation.previous or None,
        "at": activation.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "by": activation.by.get_username() if activation.by else None,
        "reason": activation.reason,
        "overridden": activation.overridden,
        "gate": activation.gate,
    }


def scope_text(model: ModelVersion) -> str:
    """The scope as it is stored: `SPY 1d`, or `few 1d, 20 bars`."""
    scope = model.scope
    if model.universe:
        return f"{scope['universe']} {scope['timeframe']}, {scope['horizon']} bars"
    return f"{scope['symbol']} {scope['timeframe']}"


def scope_label(scope: str) -> str:
    """A stored scope as people read it: `few 1d, 20 trading days`."""
    return f"{scope.removesuffix(' bars')} trading days" if scope.endswith(" bars") else scope


def scope_models(model: ModelVersion) -> ModelVersionQuerySet:
    """All models of the scope of this one."""
    if model.universe:
        return ModelVersion.objects.filter(universe=model.universe, horizon=model.horizon)
    return ModelVersion.objects.filter(series=model.series_id)


def _lock_and_look(model: ModelVersion, expected: str | None) -> ModelVersion | None:
    """The scope's active model, with nobody else about to change it: until the transaction ends. On SQLite every
    transaction that writes holds the only lock already."""
    if connection.vendor == "postgresql":
        key = zlib.crc32(scope_text(model).encode()) - 2**31
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, key])
    now = scope_models(model).filter(is_active=True).first()
    if expected is not ANY_ACTIVE and (now.version if now else None) != expected:
        there = now.version if now else "none"
        raise ActiveChanged(
            f"The active model of {scope_label(scope_text(model))} is {there}, not {expected or 'none'}. Look again."
        )
    return now


def _record(
    model: ModelVersion, version: str, previous: ModelVersion | None, user: User | None, reason: str, **more: Any
) -> Activation:
    activation = Activation.objects.create(
        scope=scope_text(model),
        version=version,
        previous=previous.version if previous else "",
        at=timezone.now(),
        by=user,
        reason=reason,
        **more,
    )
    by = f" by {user.get_username()}" if user else ""
    text = f"{scope_label(activation.scope)}: {'activated' if version else 'deactivated'}{by}. {reason}"
    notice_make(NoticeKind.ACTIVATION, model.version, text)
    return activation
