"""Pages of what we know: the chart and the list of instruments."""

from django.urls import path

from instruments.web import data, health, views

urlpatterns = [
    path("backtest/", views.backtest, name="backtest"),
    path("data/", data.data, name="data"),
    path("data/settings/forget", data.settings_forget, name="data-settings-forget"),
    path("data/<uuid:upload_id>/", data.upload, name="data-upload"),
    path("data/health/", health.findings, name="health"),
    path("data/health/<int:finding_id>/acknowledge", health.acknowledge, name="finding-acknowledge"),
    path("instruments/", views.instruments, name="instruments"),
]
