from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from boursomatic.accounts.site import AuditedAdmin, HistoryAdmin
from training.errors import TooLate
from training.models import Activation, IdempotencyKey, ModelVersion, RunEvent, TrainingRun, Trial, WorkerProcess
from training.runs.services import run_cancel


class RunEventInline(admin.TabularInline):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    model = RunEvent
    fields = ("at", "attempt", "stage", "text")
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(TrainingRun)
class TrainingRunAdmin(HistoryAdmin):
    """Every run, deleted ones too. Its row is changed by its worker and by a cancel alone."""

    list_display = ("run_id", "series", "candle_at", "status", "stage", "created_by", "created_at", "deleted_at")
    list_filter = ("status", "kind", "series__timeframe", "error_reason", "created_at")
    list_select_related = ("series__instrument", "created_by")
    search_fields = ("run_id", "series__instrument__symbol", "created_by__username", "error")
    date_hierarchy = "created_at"
    inlines = (RunEventInline,)
    actions = ("cancel",)

    @admin.action(description="Cancel the chosen runs")
    def cancel(self, request: HttpRequest, runs: QuerySet[TrainingRun]) -> None:
        cancelled = 0
        for run in runs:
            try:
                run_cancel(run=run, user=self.person(request))
            except TooLate:
                continue
            cancelled += 1
        self.message_user(request, f"{cancelled} cancelled; the others had already ended.")


@admin.register(RunEvent)
class RunEventAdmin(HistoryAdmin):
    list_display = ("at", "run", "attempt", "stage", "text")
    list_filter = ("stage", "at")
    list_select_related = ("run",)
    search_fields = ("run__run_id", "text")
    ordering = ("-id",)


@admin.register(ModelVersion)
class ModelVersionAdmin(HistoryAdmin):
    list_display = ("version", "kind", "series", "trained_at", "is_active", "model_hash")
    list_filter = ("kind", "is_active", "trained_at")
    list_select_related = ("series__instrument",)
    search_fields = ("version", "series__instrument__symbol", "model_hash", "params_hash", "data_hash")


@admin.register(Activation)
class ActivationAdmin(HistoryAdmin):
    """Models are activated through the gate alone."""

    list_display = ("at", "scope", "version", "previous", "by", "reason", "overridden")
    list_filter = ("overridden", "at")
    list_select_related = ("by",)
    search_fields = ("scope", "version", "previous", "reason")


@admin.register(Trial)
class TrialAdmin(HistoryAdmin):
    """Append-only: what was tried stays counted."""

    list_display = ("scope", "kind", "k", "as_of", "params_hash", "p_value", "level", "label", "run_id", "made_at")
    list_filter = ("kind", "label", "made_at")
    search_fields = ("scope", "params_hash", "run_id")


@admin.register(WorkerProcess)
class WorkerProcessAdmin(HistoryAdmin):
    list_display = ("host", "pid", "started_at", "run")
    list_filter = ("host",)
    list_select_related = ("run",)
    search_fields = ("host", "run__run_id")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(AuditedAdmin):
    """Deleting one lets its key start another run."""

    list_display = ("key", "user", "run", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("user", "run")
    search_fields = ("key", "user__username", "run__run_id")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
