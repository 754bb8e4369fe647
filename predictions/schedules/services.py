"""Schedules: made, changed, and started when due. What they start are runs like any other."""

from contextlib import suppress
from datetime import datetime, time, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from boursomatic.accounts.audit import audit
from boursomatic.shared import clock
from instruments.imports.due import next_final
from instruments.universes import ALL
from predictions.models import Schedule
from predictions.schedules.plan import PLAN
from training.models import ACTIVE, TrainingRun
from training.recipes.backup.spec import BackupSpec
from training.recipes.kinds import recipe_of
from training.recipes.refresh.spec import RefreshSpec
from training.runs.refreshes import SourceBusy, refresh_start_scheduled
from training.runs.services import run_create_scheduled


def following(after: datetime, schedule: Schedule) -> datetime:
    """First run of a new or changed schedule: its time of day later than `after` on that day, or so many days on; where
    it has none, when the next bars are final."""
    if schedule.time_of_day is None:
        return _next_close(schedule, after)
    at = datetime.combine(after.date(), schedule.time_of_day, tzinfo=after.tzinfo)
    return at if at > after else at + timedelta(days=schedule.every_days)


def next_due(schedule: Schedule, after: datetime) -> datetime:
    """First due time later than `after`: whole periods from the one that the schedule has now (UTC).

    However late a run was begun, a weekly one stays on its weekday, and nothing missed is made up.
    """
    if schedule.time_of_day is None:
        return _next_close(schedule, after)
    due, period = schedule.next_run_at, timedelta(days=schedule.every_days)
    due = datetime.combine(due.date(), schedule.time_of_day, tzinfo=due.tzinfo)
    return due + max(0, (after - due) // period + 1) * period


def _next_close(schedule: Schedule, after: datetime) -> datetime:
    delay = timedelta(minutes=schedule.delay_minutes)
    return next_final(schedule.source, schedule.universe, after - delay) + delay


def schedules_create(*, universe: str, user: User) -> list[Schedule]:
    """The usual ones of a universe, on; those that it has already stay as they are."""
    now, created = clock.time_of_day(), []
    with transaction.atomic():
        for job in PLAN.values():
            if job.at is None or job.admins_only or (job.covers_all and Schedule.objects.filter(job=job.kind).exists()):
                continue
            first = Schedule(job=job.kind, universe=universe, time_of_day=job.at, every_days=job.every_days)
            values = {"time_of_day": job.at, "every_days": job.every_days, "next_run_at": following(now, first)}
            schedule, new = Schedule.objects.get_or_create(job=job.kind, universe=universe, defaults=values)
            if new:
                created.append(schedule)
                audit(user, "schedule.create", str(schedule), at=job.at.isoformat(), every_days=job.every_days)
    return created


def refresh_schedule_create(*, source: str, universe: str, features: bool, user: User) -> Schedule:
    """Daily, on; the one that there is already is changed to this."""
    schedule = Schedule(job=RefreshSpec.kind, universe=universe, source=source)
    due = following(clock.time_of_day(), schedule)
    values = {"computes_features": features, "enabled": True, "next_run_at": due, "retries": 0}
    with transaction.atomic():
        schedule, _ = Schedule.objects.update_or_create(
            job=schedule.job, universe=universe, source=source, defaults=values
        )
        audit(user, "schedule.create", str(schedule), features=features)
    return schedule


def backup_schedule_create(*, user: User) -> Schedule:
    """Every night, on; the one that there is already is switched on."""
    job = PLAN[BackupSpec.kind]
    schedule = Schedule(job=job.kind, universe=ALL, time_of_day=job.at, every_days=job.every_days)
    values = {
        "time_of_day": job.at,
        "every_days": job.every_days,
        "next_run_at": following(clock.time_of_day(), schedule),
    }
    with transaction.atomic():
        schedule, is_new = Schedule.objects.get_or_create(job=job.kind, universe=ALL, source="", defaults=values)
        if is_new:
            audit(user, "schedule.create", str(schedule))
        elif not schedule.enabled:
            schedule_switch(schedule=schedule, user=user, on=True)
    return schedule


def schedule_delay(*, schedule: Schedule, user: User, minutes: int) -> None:
    """So long after the bars are final; the next run follows it."""
    schedule.delay_minutes, schedule.retries = minutes, 0
    schedule.next_run_at = following(clock.time_of_day(), schedule)
    schedule.save(update_fields=["delay_minutes", "retries", "next_run_at"])
    audit(user, "schedule.change", str(schedule), delay_minutes=minutes)


def schedule_change(*, schedule: Schedule, user: User, time_of_day: time, every_days: int) -> None:
    """Another time; the next run follows it."""
    schedule.time_of_day, schedule.every_days = time_of_day, every_days
    schedule.next_run_at = following(clock.time_of_day(), schedule)
    schedule.save(update_fields=["time_of_day", "every_days", "next_run_at"])
    audit(user, "schedule.change", str(schedule), at=time_of_day.isoformat(), every_days=every_days)


def schedule_switch(*, schedule: Schedule, user: User, on: bool) -> None:
    """On or off. What was missed while it was off is not made up."""
    now = clock.time_of_day()
    values = {"next_run_at": next_due(schedule, now), "retries": 0} if on and schedule.next_run_at <= now else {}
    Schedule.objects.filter(pk=schedule.pk).update(enabled=on, **values)
    audit(user, "schedule.switch", str(schedule), on=on)


def schedule_rule(*, schedule: Schedule, user: User, on: bool) -> None:
    """Whether a challenger that passes the gate is activated by itself."""
    if not PLAN[schedule.job].makes_challengers:
        return
    Schedule.objects.filter(pk=schedule.pk).update(activates_by=user if on else None)
    audit(user, "schedule.rule", str(schedule), on=on)


def schedule_run_now(*, schedule: Schedule, user: User) -> None:
    """A run at once, unless its last one is still on its way."""
    if TrainingRun.objects.filter(run_id=schedule.run_id, status__in=ACTIVE).exists():
        return
    with suppress(SourceBusy), transaction.atomic():
        _start(schedule, once_key=f"schedule {schedule.pk} after {schedule.run_id}", user=user)
        audit(user, "schedule.run", str(schedule))


def schedule_delete(*, schedule: Schedule, user: User) -> None:
    audit(user, "schedule.delete", str(schedule))
    schedule.delete()


def due(now: datetime) -> QuerySet[Schedule]:
    """To be begun now."""
    return Schedule.objects.filter(enabled=True, next_run_at__lte=now)


def schedules_start() -> None:
    """A run of each schedule that is due. Called every 10 s; of several hosts one makes it. Where its source is being
    asked already it stays due."""
    now = clock.time_of_day()
    for schedule in due(now):
        with suppress(SourceBusy), transaction.atomic():
            moved = Schedule.objects.filter(pk=schedule.pk, next_run_at=schedule.next_run_at)
            if moved.update(next_run_at=next_due(schedule, now)):
                _start(schedule, once_key=f"schedule {schedule.pk} due {schedule.next_run_at.isoformat()}")


def _start(schedule: Schedule, *, once_key: str, user: User | None = None) -> None:
    asked = {"kind": schedule.job, "universe": schedule.universe, "schedule": schedule.pk}
    if schedule.source:
        asked |= {"source": schedule.source, "features": schedule.computes_features}
    spec = recipe_of(schedule.job).parse(asked)
    if isinstance(spec, RefreshSpec):
        run = refresh_start_scheduled(spec=spec, once_key=once_key, user=user)
    else:
        run = run_create_scheduled(spec=spec, once_key=once_key, user=user)
    if run:
        Schedule.objects.filter(pk=schedule.pk).update(run_id=run.run_id)
