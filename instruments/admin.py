from django.contrib import admin
from django.http import HttpRequest

from boursomatic.accounts.site import AuditedAdmin, HistoryAdmin
from instruments.models import (
    BarRevision,
    CalendarSession,
    CorporateAction,
    Feature,
    FeatureState,
    Finding,
    Instrument,
    PriceBar,
    Series,
    Source,
    Universe,
    UniverseMember,
)


@admin.register(Instrument)
class InstrumentAdmin(AuditedAdmin):
    """Names, calendar and whether it is active; a symbol stands in runs and files, so it doesn't change."""

    list_display = ("symbol", "name", "currency", "calendar", "active", "created_at")
    list_editable = ("active",)
    list_filter = ("active", "currency", "calendar", "universes", "series__timeframe")
    search_fields = ("symbol", "name")
    readonly_fields = ("created_at",)

    def get_readonly_fields(self, request: HttpRequest, obj: Instrument | None = None) -> tuple[str, ...]:
        return ("symbol", *self.readonly_fields) if obj else self.readonly_fields


@admin.register(Universe)
class UniverseAdmin(AuditedAdmin):
    list_display = ("name", "created_at")
    search_fields = ("name", "instruments__symbol")


@admin.register(UniverseMember)
class UniverseMemberAdmin(HistoryAdmin):
    """To look at: members are changed on the page of their universe, which checks that stretches don't overlap."""

    list_display = ("universe", "instrument", "start", "end")
    list_filter = ("universe",)
    list_select_related = ("universe", "instrument")
    search_fields = ("=instrument__symbol",)
    search_help_text = "A whole symbol"


@admin.register(Series)
class SeriesAdmin(HistoryAdmin):
    """What is stored, and how often imports rewrote it. Bars come in by `import_bars` alone."""

    list_display = ("instrument", "timeframe", "basis", "rows", "first", "last", "revision", "rewritten", "updated_at")
    list_filter = ("timeframe", "basis", "instrument__active", "updated_at")
    list_select_related = ("instrument",)
    search_fields = ("instrument__symbol", "instrument__name")


@admin.register(CorporateAction)
class CorporateActionAdmin(HistoryAdmin):
    """To look at: actions come in by `import_actions`, the page Data or a source."""

    list_display = ("series", "ex_day", "kind", "ratio", "amount", "source", "known_at")
    list_filter = ("kind", "series__timeframe", "source")
    list_select_related = ("series__instrument",)
    search_fields = ("=series__instrument__symbol",)
    search_help_text = "A whole symbol"


@admin.register(PriceBar)
class PriceBarAdmin(HistoryAdmin):
    """A hundred at a time, without counting what may be millions."""

    list_display = ("series", "timestamp", "open", "high", "low", "close", "volume", "adj_close", "source")
    list_filter = ("series__timeframe", "series__instrument")
    list_select_related = ("series__instrument",)
    search_fields = ("=series__instrument__symbol",)
    search_help_text = "A whole symbol"
    ordering = ("-series_id", "-timestamp")  # the index backwards; by symbol it would sort every bar


@admin.register(BarRevision)
class BarRevisionAdmin(HistoryAdmin):
    """What each import changed of stored bars. Nobody writes here: bars as they stood are made of it."""

    list_display = ("series", "made_at", "kind", "source", "changed", "added", "first", "last", "user", "run_id")
    list_filter = ("kind", "made_at")
    list_select_related = ("series__instrument", "user")
    search_fields = ("=series__instrument__symbol", "source", "run_id")
    exclude = ("content",)


@admin.register(Feature)
class FeatureAdmin(HistoryAdmin):
    """As bars: a hundred at a time, uncounted. They are made by `compute_features` alone."""

    list_display = ("series", "timestamp", "return_20", "volatility_20", "rsi_14", "ma_distance_50", "volume_zscore_20")
    list_filter = ("series__timeframe", "series__instrument")
    list_select_related = ("series__instrument",)
    search_fields = ("=series__instrument__symbol",)
    search_help_text = "A whole symbol"
    ordering = ("-series_id", "-timestamp")


@admin.register(FeatureState)
class FeatureStateAdmin(HistoryAdmin):
    """Which bars the features of a series were made from."""

    list_display = ("series", "feature_set", "version", "rows", "computed_at")
    list_filter = ("feature_set", "version", "computed_at")
    list_select_related = ("series__instrument",)
    search_fields = ("series__instrument__symbol",)


@admin.register(CalendarSession)
class CalendarSessionAdmin(HistoryAdmin):
    """Written by `fill_calendars` and by checks of data."""

    list_display = ("calendar", "day", "closes_at", "is_early")
    list_filter = ("calendar", "is_early")


@admin.register(Finding)
class FindingAdmin(HistoryAdmin):
    """As the page Health, where they are acknowledged."""

    list_display = ("check_name", "series", "calendar", "severity", "first", "last", "count", "state", "found_at")
    list_filter = ("state", "severity", "check_name")
    list_select_related = ("series__instrument",)
    search_fields = ("=series__instrument__symbol",)
    search_help_text = "A whole symbol"


@admin.register(Source)
class SourceAdmin(HistoryAdmin):
    """To look at: sources are made and changed on their page. A key isn't shown, not even encrypted."""

    list_display = ("name", "kind", "enabled", "updated_at")
    list_filter = ("kind", "enabled")
    search_fields = ("name",)
    fields = ("name", "kind", "options", "enabled", "created_at", "updated_at")
