"""Pages of what we know: the chart and the list of instruments."""

from django.urls import path

from instruments.web import actions, data, health, repairs, sources, views

urlpatterns = [
    path("backtest/", views.backtest, name="backtest"),
    path("data/", data.data, name="data"),
    path("data/sources/", sources.sources, name="sources"),
    path("data/sources/<slug:name>/", sources.source, name="source"),
    path("data/sources/<slug:name>/try/", sources.source_trial, name="source-try"),
    path("data/sources/<slug:name>/symbols/", sources.source_symbols, name="source-symbols"),
    path("data/sources/<slug:name>/delete/", sources.source_delete, name="source-delete"),
    path("data/sources/new/<slug:kind>/", sources.source_new, name="source-new"),
    path("data/settings/forget", data.settings_forget, name="data-settings-forget"),
    path("data/<uuid:upload_id>/", data.upload, name="data-upload"),
    path("data/actions/", actions.actions, name="actions"),
    path("data/actions/<int:action_id>/delete", actions.action_delete, name="action-delete"),
    path("data/actions/series/<int:series_id>/basis", actions.series_basis, name="series-basis"),
    path("data/health/", health.findings, name="health"),
    path("data/health/<int:finding_id>/acknowledge", health.acknowledge, name="finding-acknowledge"),
    path("data/health/<int:finding_id>/repair", repairs.repair, name="finding-repair"),
    path("data/health/<int:finding_id>/undo", repairs.undo, name="finding-undo"),
    path("instruments/", views.instruments, name="instruments"),
]
