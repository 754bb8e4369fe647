"""Pages of what we learn: the dialog, the runs, each run."""

from django.urls import path

from training import views

urlpatterns = [
    path("training/new/", views.run_new, name="run-new"),
    path("training/preview", views.run_preview, name="run-preview"),
    path("runs/", views.runs, name="runs"),
    path("runs/<slug:run_id>/", views.run, name="run"),
    path("runs/<slug:run_id>/cancel", views.run_cancel, name="run-cancel"),
    path("runs/<slug:run_id>/delete", views.run_delete, name="run-delete"),
    path("runs/<slug:run_id>/files/<str:name>", views.run_file, name="run-file"),
]
