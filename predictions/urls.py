"""Pages of what we advise."""

from django.urls import path

from predictions import views

urlpatterns = [
    path("predictions/models", views.choices, name="model-choices"),
    path("predictions/records/<slug:run_id>", views.record, name="live-record"),
    path("runs/compare", views.runs_compare, name="runs-compare"),
]
