"""What follows a refresh that a schedule has made: recommendations on the new bars, then scores; another try where it
failed."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from boursomatic.shared import clock
from predictions.models import Schedule
from predictions.recipes.recommend.recipe import RECIPE as RECOMMEND
from predictions.recipes.score.recipe import RECIPE as SCORE
from predictions.recommendations.make import active_models
from predictions.schedules.services import following
from training.models import ACTIVE, Status, TrainingRun
from training.recipes.kinds import recipe_of
from training.runs.services import run_create_scheduled

# A vendor's short fault, its long one, and an evening's maintenance; what takes longer is the next close's.
RETRY_AFTER = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4))


def chains_continue() -> None:
    """Called every 10 s by the worker command (settings.HOUSEKEEPING). Each step is made once, whatever is killed and
    however many hosts look: its key names the refresh."""
    refreshed = Schedule.objects.filter(time_of_day=None).exclude(run_id="").exclude(run_id=F("followed_run_id"))
    for pk in list(refreshed.values_list("pk", flat=True)):
        with transaction.atomic():
            schedule = refreshed.select_for_update().filter(pk=pk).first()
            if schedule is None:
                continue
            refresh = TrainingRun.objects.filter(run_id=schedule.run_id).first()
            if _is_over(schedule, refresh):
                values = {"followed_run_id": schedule.run_id} | _next_try(schedule, refresh)
                Schedule.objects.filter(pk=pk).update(**values)


def _next_try(schedule: Schedule, refresh: TrainingRun | None) -> dict[str, Any]:
    """What changes of a schedule whose refresh is over. One that failed is due again before the next close, so long
    after its end as it was the first, second or third; one made since in the place of a try that waits makes it
    needless."""
    if refresh and refresh.status == Status.FAILED and schedule.enabled:
        if schedule.retries == len(RETRY_AFTER):
            return {"retries": 0}
        assert refresh.finished_at is not None
        due = refresh.finished_at + RETRY_AFTER[schedule.retries]
        is_sooner = due < schedule.next_run_at
        return {"next_run_at": due, "retries": schedule.retries + 1} if is_sooner else {"retries": 0}
    now = clock.time_of_day()
    waits = schedule.retries > 0 and schedule.next_run_at > now
    return {"retries": 0} | ({"next_run_at": following(now, schedule)} if waits else {})


def _is_over(schedule: Schedule, refresh: TrainingRun | None) -> bool:
    """The next step is made, if it is due; whether there is none after it."""
    if refresh is None or refresh.status in (Status.FAILED, Status.CANCELLED):
        return True
    same = TrainingRun.objects.filter(kind=refresh.kind, universe=schedule.universe, status__in=ACTIVE)
    if same.exists():  # this one, or that of another source: recommendations are made once a day, of all bars
        return False
    if active_models(schedule.universe) and not _has_ended(RECOMMEND.kind, schedule):
        return False
    _has_ended(SCORE.kind, schedule)
    return True


def _has_ended(kind: str, schedule: Schedule) -> bool:
    """Of the run of a kind that follows the schedule's refresh; it is made where there is none."""
    once_key = f"{kind} after {schedule.run_id}"
    run = TrainingRun.objects.filter(once_key=once_key).first()
    if run is None:
        spec = recipe_of(kind).parse({"kind": kind, "universe": schedule.universe, "schedule": schedule.pk})
        run_create_scheduled(spec=spec, once_key=once_key)
    return run is not None and run.is_terminal
