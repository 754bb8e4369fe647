"""Pages of what we learn: the dialog, the runs, each run."""

from django.urls import path

from training import (
    views,
    views_describing,
    views_jobs,
    views_list,
    views_models,
    views_removal,
    views_universe,
    views_workers,
)
from training.models import Kind

urlpatterns = [
    path("training/new/", views.run_new, name="run-new"),
    path("training/universe/", views_universe.universe_new, name="universe-new"),
    path("training/universe/use", views_universe.universe_use, name="universe-use"),
    path("training/universe/demo", views_universe.demo_offer, name="demo-offer"),
    path("training/preview", views.run_preview, name="run-preview"),
    path("runs/", views_list.runs, name="runs"),
    path("runs/bulk-delete/", views_removal.runs_delete, name="runs-delete"),
    path("runs/deletions/<uuid:deletion>/restore", views_removal.runs_restore, name="runs-restore"),
    path("runs/<slug:run_id>/", views.run, name="run"),
    path("runs/<slug:run_id>/cancel", views.run_cancel, name="run-cancel"),
    path("runs/<slug:run_id>/delete", views.run_delete, name="run-delete"),
    path("runs/<slug:run_id>/restore", views_removal.run_restore, name="run-restore"),
    path("runs/<slug:run_id>/words", views_describing.run_words, name="run-words"),
    path("runs/<slug:run_id>/confirm", views_jobs.job_ask, {"kind": Kind.CONFIRMATION}, name="run-confirm"),
    path("runs/<slug:run_id>/confirm/cancel", views_jobs.job_cancel, {"kind": Kind.CONFIRMATION}),
    path("runs/<slug:run_id>/verify", views_jobs.job_ask, {"kind": Kind.VERIFICATION}, name="run-verify"),
    path("runs/<slug:run_id>/verify/cancel", views_jobs.job_cancel, {"kind": Kind.VERIFICATION}),
    path("runs/<slug:run_id>/control", views_jobs.job_ask, {"kind": Kind.CONTROL}, name="run-control"),
    path("runs/<slug:run_id>/control/cancel", views_jobs.job_cancel, {"kind": Kind.CONTROL}),
    path("runs/<slug:run_id>/files/<str:name>", views.run_file, name="run-file"),
    path("models/", views_models.models, name="models"),
    path("models/history/", views_models.model_history, name="model-history"),
    path("models/<slug:version>/gate/", views_models.model_gate, name="model-gate"),
    path("models/<slug:version>/deactivate", views_models.model_off, name="model-deactivate"),
    path("models/<slug:version>/roll-back", views_models.model_back, name="model-roll-back"),
    path("workers/", views_workers.workers, name="workers"),
    path("tries/", views.tries, name="tries"),
]
