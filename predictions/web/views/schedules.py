"""The page of scheduled jobs: seen by all, changed by managers."""

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from boursomatic.accounts.permissions import admin_only, page_permission, person_of
from boursomatic.accounts.roles import Role, Scope, may, role_of
from boursomatic.shared.pages import render_page
from boursomatic.shared.tables import csv_response, lines_page, wants_csv
from instruments.models import Source, Universe
from instruments.universes import ALL
from predictions.models import Schedule
from predictions.schedules import services as service
from predictions.schedules.plan import PLAN
from predictions.web.forms import DelayForm, ScheduleForm
from predictions.web.tables import SCHEDULES, ScheduleLine
from training.models import TrainingRun
from training.queue import hosts


@require_GET
@page_permission(Scope.READ)
def schedule_list(request: HttpRequest) -> HttpResponseBase:
    """Polls itself while a job is due or at work."""
    lines = _lines(request)
    page = lines_page(request, SCHEDULES, lines)
    if wants_csv(request):
        return csv_response(SCHEDULES, [page.rows])
    context = {
        "page": page,
        "lines": page.rows,
        "is_moving": any(line.is_moving for line in lines),
        "no_worker": hosts.missing(),
        "may_change": may(request.user, Scope.ACTIVATE),
        "universes": [ALL, *Universe.objects.values_list("name", flat=True)],
    }
    return render_page(request, "predictions/schedules/list.html", "predictions/schedules/_list.html", context)


def _visible(request: HttpRequest) -> QuerySet[Schedule]:
    """Some jobs are for admins."""
    rows = Schedule.objects.select_related("activates_by")
    of_admins = [job.kind for job in PLAN.values() if job.admins_only]
    return rows if role_of(request.user) is Role.ADMIN else rows.exclude(job__in=of_admins)


def _lines(request: HttpRequest) -> list[ScheduleLine]:
    schedules = list(_visible(request))
    last = TrainingRun.objects.filter(run_id__in=[schedule.run_id for schedule in schedules])
    runs = {run.run_id: run for run in last}
    return [_line(schedule, runs.get(schedule.run_id)) for schedule in schedules]


def _line(schedule: Schedule, run: TrainingRun | None) -> ScheduleLine:
    is_due = schedule.enabled and schedule.next_run_at <= timezone.now()
    return ScheduleLine(schedule, _form(schedule), run, is_due or (run is not None and not run.is_terminal))


@require_POST
@page_permission(Scope.ACTIVATE)
def schedules_new(request: HttpRequest) -> HttpResponse:
    """The usual ones for a universe."""
    universe = request.POST.get("universe", "")
    if universe != ALL:
        get_object_or_404(Universe, name=universe)
    made = service.schedules_create(universe=universe, user=person_of(request))
    said = f"{len(made)} schedules for {universe} are on." if made else f"{universe} has its schedules already."
    messages.success(request, said)
    return redirect("schedules")


@require_POST
@page_permission(Scope.ACTIVATE)
def refresh_schedule(request: HttpRequest) -> HttpResponse:
    """A universe refreshed daily from a source; recommendations and scores follow."""
    source, universe = (request.POST.get(name, "") for name in ("source", "universe"))
    get_object_or_404(Source, name=source)
    if universe != ALL:
        get_object_or_404(Universe, name=universe)
    schedule = service.refresh_schedule_create(
        source=source, universe=universe, features="features" in request.POST, user=person_of(request)
    )
    messages.success(request, f"{schedule}: daily, next at {schedule.next_run_at:%Y-%m-%d %H:%M} UTC.")
    return redirect("schedules")


@require_POST
@admin_only
def backup_schedule(request: HttpRequest) -> HttpResponse:
    """The site backed up every night."""
    schedule = service.backup_schedule_create(user=person_of(request))
    messages.success(request, f"Every night: next at {schedule.next_run_at:%Y-%m-%d %H:%M} UTC.")
    return redirect("schedules")


@require_POST
@page_permission(Scope.ACTIVATE)
def schedule_change(request: HttpRequest, number: int) -> HttpResponse:
    """`do`: run, on, off, rule-on, rule-off, delete, or time or delay (with the form's fields)."""
    schedule, user, do = get_object_or_404(_visible(request), pk=number), person_of(request), request.POST.get("do", "")
    if do in ACTIONS:
        sentence, act = ACTIONS[do]
        act(schedule, user)
        messages.success(request, f"{schedule}: {sentence}")
        return redirect("schedules")
    if do == "delay":
        return _delay(request, schedule, user)
    form = ScheduleForm(request.POST)
    if do == "time" and form.is_valid():
        service.schedule_change(schedule=schedule, user=user, **form.cleaned_data)
        messages.success(request, f"{schedule}: at {form.cleaned_data['time_of_day']:%H:%M} UTC from now on.")
    else:
        messages.error(request, f"{schedule}: the time must be written as 22:30, the days be 1 to 90.")
    return redirect("schedules")


def _delay(request: HttpRequest, schedule: Schedule, user: User) -> HttpResponse:
    form = DelayForm(request.POST)
    if form.is_valid():
        service.schedule_delay(schedule=schedule, user=user, minutes=form.cleaned_data["delay_minutes"])
        messages.success(request, f"{schedule}: next at {schedule.next_run_at:%Y-%m-%d %H:%M} UTC.")
    else:
        messages.error(request, f"{schedule}: the minutes must be 0 to 1439.")
    return redirect("schedules")


ACTIONS: dict[str, tuple[str, Callable[[Schedule, User], None]]] = {
    "run": (
        "queued, starts within seconds.",
        lambda schedule, user: service.schedule_run_now(schedule=schedule, user=user),
    ),
    "on": ("on.", lambda schedule, user: service.schedule_switch(schedule=schedule, user=user, on=True)),
    "off": ("off.", lambda schedule, user: service.schedule_switch(schedule=schedule, user=user, on=False)),
    "rule-on": (
        "auto-activate when checks pass: on.",
        lambda schedule, user: service.schedule_rule(schedule=schedule, user=user, on=True),
    ),
    "rule-off": (
        "auto-activate when checks pass: off.",
        lambda schedule, user: service.schedule_rule(schedule=schedule, user=user, on=False),
    ),
    "delete": ("deleted.", lambda schedule, user: service.schedule_delete(schedule=schedule, user=user)),
}


def _form(schedule: Schedule) -> ScheduleForm | DelayForm:
    if schedule.time_of_day is None:
        return DelayForm(initial={"delay_minutes": schedule.delay_minutes}, auto_id=False)
    times = {"time_of_day": schedule.time_of_day, "every_days": schedule.every_days}
    return ScheduleForm(initial=times, auto_id=False)
