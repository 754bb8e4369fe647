"""Pages of what we know: the chart and the list of instruments."""

from django.urls import path

from instruments.web import data, views

urlpatterns = [
    path("backtest/", views.backtest, name="backtest"),
    path("data/", data.data, name="data"),
    path("data/settings/forget", data.settings_forget, name="data-settings-forget"),
    path("data/<uuid:upload_id>/", data.upload, name="data-upload"),
    path("instruments/", views.instruments, name="instruments"),
]
