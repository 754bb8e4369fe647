"""Pages of what we know: the chart and the list of instruments."""

from django.urls import path

from instruments.web import views

urlpatterns = [
    path("backtest/", views.backtest, name="backtest"),
    path("instruments/", views.instruments, name="instruments"),
]
