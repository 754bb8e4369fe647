from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from boursomatic.accounts.site import AuditedAdmin, HistoryAdmin
from boursomatic.shared import clock
from predictions.models import RecommendationSet, Schedule
from predictions.schedules.services import following


@admin.register(RecommendationSet)
class RecommendationSetAdmin(HistoryAdmin):
    list_display = ("as_of", "version", "universe", "horizon", "in_sample", "made_at")
    list_filter = ("universe", "in_sample", "as_of")
    search_fields = ("version", "model_hash")


@admin.register(Schedule)
class ScheduleAdmin(AuditedAdmin):
    """When jobs are done; the page of schedules makes them, sets the rule of retraining, and runs them at once."""

    list_display = (
        "job",
        "universe",
        "enabled",
        "time_of_day",
        "every_days",
        "next_run_at",
        "run_id",
    )
    list_filter = ("job", "enabled")
    search_fields = ("universe", "run_id")
    readonly_fields = (
        "job",
        "universe",
        "source",
        "next_run_at",
        "activates_by",
        "run_id",
    )

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Schedule | None = None) -> tuple[str, ...]:
        """What follows the closes of exchanges has no time of day."""
        follows_closes = obj is not None and obj.time_of_day is None
        when = ("delay_minutes",) if follows_closes else ("time_of_day", "every_days")
        return ("job", "universe", "source", "enabled", *when, "next_run_at", "activates_by", "run_id")

    def save_model(self, request: HttpRequest, obj: Schedule, form: Any, change: bool) -> None:
        """The next run follows what was changed; nothing missed is made up."""
        obj.next_run_at = following(clock.time_of_day(), obj)
        obj.save(update_fields=["enabled", "time_of_day", "every_days", "delay_minutes", "next_run_at"])
