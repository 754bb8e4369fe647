"""Schedules: made, changed and kicked. What is due is carried by a worker (`predictions.schedules.jobs`)."""

from datetime import datetime, time, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_q.tasks import async_task

from boursomatic.accounts.audit import audit
from predictions.models import Job, Schedule
from training.models import ACTIVE, TrainingRun

USUAL = (  # after the last exchanges have closed
    (Job.RECOMMEND, time(22, 30), 1),
    (Job.SCORE, time(22, 40), 1),
    (Job.DRIFT, time(22, 50), 1),
    (Job.RETRAIN, time(23, 0), 7),
)
KICK_AGAIN = timedelta(minutes=5)  # a kick may be lost with a worker
ABANDONED = timedelta(minutes=35)  # longer than a job may take: its worker died


def following(after: datetime, schedule: Schedule) -> datetime:
    """First run of a new or changed schedule: its time of day later than `after` on that day, or so many days on."""
    at = datetime.combine(after.date(), schedule.time_of_day, tzinfo=after.tzinfo)
    return at if at > after else at + timedelta(days=schedule.every_days)


def next_due(schedule: Schedule, after: datetime) -> datetime:
    """First due time later than `after`: whole periods from the one that the schedule has now (UTC).

    However late a run was begun, a weekly one stays on its weekday, and nothing missed is made up.
    """
    due, period = schedule.next_run_at, timedelta(days=schedule.every_days)
    due = datetime.combine(due.date(), schedule.time_of_day, tzinfo=due.tzinfo)
    return due + max(0, (after - due) // period + 1) * period


def schedules_create(*, universe: str, user: User) -> list[Schedule]:
    """The usual four of a universe, on; those that it has already stay as they are."""
    now, made = timezone.now(), []
    with transaction.atomic():
        for job, at, days in USUAL:
            if job in (Job.SCORE, Job.DRIFT) and Schedule.objects.filter(job=job).exists():
                continue  # these see to every universe
            wanted = Schedule(job=job, universe=universe, time_of_day=at, every_days=days)
            values = {"time_of_day": at, "every_days": days, "next_run_at": following(now, wanted)}
            schedule, new = Schedule.objects.get_or_create(job=job, universe=universe, defaults=values)
            if new:
                made.append(schedule)
                audit(user, "schedule.create", str(schedule), at=at.isoformat(), every_days=days)
    return made


def schedule_change(*, schedule: Schedule, user: User, time_of_day: time, every_days: int) -> None:
    """Another time; the next run follows it."""
    schedule.time_of_day, schedule.every_days = time_of_day, every_days
    schedule.next_run_at = following(timezone.now(), schedule)
    schedule.save(update_fields=["time_of_day", "every_days", "next_run_at"])
    audit(user, "schedule.change", str(schedule), at=time_of_day.isoformat(), every_days=every_days)


def schedule_switch(*, schedule: Schedule, user: User, on: bool) -> None:
    """On or off. What was missed while it was off is not made up."""
    now = timezone.now()
    values = {"next_run_at": next_due(schedule, now)} if on and schedule.next_run_at <= now else {}
    Schedule.objects.filter(pk=schedule.pk).update(enabled=on, **values)
    audit(user, "schedule.switch", str(schedule), on=on)


def schedule_rule(*, schedule: Schedule, user: User, on: bool) -> None:
    """Whether a challenger that passes the gate is activated by itself."""
    Schedule.objects.filter(pk=schedule.pk, job=Job.RETRAIN).update(activates_by=user if on else None)
    audit(user, "schedule.rule", str(schedule), on=on)


def schedule_run_now(*, schedule: Schedule, user: User) -> None:
    """Due at once, beside its due times; a worker takes it within a second."""
    with transaction.atomic():
        Schedule.objects.filter(pk=schedule.pk).update(asked=True, kicked_at=timezone.now())
        audit(user, "schedule.run", str(schedule))
        _kick(schedule.pk)


def schedule_delete(*, schedule: Schedule, user: User) -> None:
    audit(user, "schedule.delete", str(schedule))
    schedule.delete()


def due(now: datetime) -> QuerySet[Schedule]:
    """To be begun now."""
    return Schedule.objects.filter(Q(enabled=True, next_run_at__lte=now) | Q(asked=True))


def schedules_kick() -> None:
    """Tells the workers what is due, and which retraining has ended. Called every 10 s; told twice is harmless."""
    now = timezone.now()
    lost = Schedule.objects.filter(ended_at=None, began_at__lt=now - ABANDONED)
    lost.update(ended_at=now, ok=False, result="Its worker died. It is tried again.", asked=True)
    awaited = Schedule.objects.exclude(run_id="")
    moving = TrainingRun.objects.filter(run_id__in=awaited.values("run_id"), status__in=ACTIVE).values("run_id")
    waiting = due(now) | awaited.exclude(run_id__in=moving)
    for pk in waiting.values_list("pk", flat=True):
        unkicked = Schedule.objects.filter(Q(kicked_at=None) | Q(kicked_at__lt=now - KICK_AGAIN), pk=pk)
        with transaction.atomic():
            if unkicked.update(kicked_at=now):
                _kick(pk)


def schedule_claim(pk: int) -> Schedule | None:
    """The schedule, if it is due and nobody else has just taken it: its next run then lies ahead."""
    now = timezone.now()
    found = due(now).filter(pk=pk).first()
    if found is None:
        return None
    mine = Schedule.objects.filter(pk=pk, next_run_at=found.next_run_at, asked=found.asked)
    taken = mine.update(
        next_run_at=next_due(found, now), asked=False, kicked_at=None, began_at=now, ended_at=None, ok=None
    )
    return found if taken else None


def schedule_end(pk: int, *, ok: bool, result: str, run_id: str | None = None) -> None:
    """What came of it; `run_id`: of a training whose end is awaited, "" for none any more."""
    values = {} if run_id is None else {"run_id": run_id}
    Schedule.objects.filter(pk=pk).update(ended_at=timezone.now(), ok=ok, result=result[:500], **values)


def _kick(pk: int) -> None:
    """Light: web processes import this. The worker imports what it needs by this name."""
    async_task("predictions.schedules.jobs.schedule_carry", pk, save=False)
