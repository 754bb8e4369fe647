"""Pages of what we learn: the dialog, the runs, each run."""

from django.urls import path

from training.recipes.confirmation.recipe import RECIPE as CONFIRMATION
from training.recipes.noise_control.recipe import RECIPE as NOISE_CONTROL
from training.recipes.verification.recipe import RECIPE as VERIFICATION
from training.web.views import (
    annotations,
    candle_run,
    data,
    deletion,
    ensemble,
    jobs,
    models,
    run_list,
    runs,
    study,
    sweep,
    trials,
    universe_run,
    workers,
)

urlpatterns = [
    path("training/new/", candle_run.run_new, name="run-new"),
    path("training/ensemble/", ensemble.ensemble_new, name="ensemble-new"),
    path("training/universe/", universe_run.universe_new, name="universe-new"),
    path("training/universe/use", universe_run.universe_use, name="universe-use"),
    path("training/universe/demo", universe_run.demo_offer, name="demo-offer"),
    path("training/sweep/", sweep.sweep_new, name="sweep-new"),
    path("training/sweep/preview", sweep.sweep_preview, name="sweep-preview"),
    path("training/preview", candle_run.run_preview, name="run-preview"),
    path("training/suggestion", candle_run.run_suggestion, name="run-suggestion"),
    path("data/<uuid:upload_id>/store", data.store, name="data-store"),
    path("runs/", run_list.runs, name="runs"),
    path("runs/bulk-delete/", deletion.runs_delete, name="runs-delete"),
    path("runs/deletions/<uuid:key>/restore", deletion.runs_restore, name="runs-restore"),
    path("runs/<slug:run_id>/", runs.run, name="run"),
    path("runs/<slug:run_id>/stop", study.stop, name="study-stop"),
    path("runs/<slug:run_id>/rotate", study.rotate, name="study-rotate"),
    path("runs/<slug:run_id>/positions/", universe_run.positions, name="run-positions"),
    path("runs/<slug:run_id>/cancel", runs.run_cancel, name="run-cancel"),
    path("runs/<slug:run_id>/delete", runs.run_delete, name="run-delete"),
    path("runs/<slug:run_id>/restore", deletion.run_restore, name="run-restore"),
    path("runs/<slug:run_id>/words", annotations.annotate, name="run-annotate"),
    path("runs/<slug:run_id>/confirm", jobs.start_job, {"kind": CONFIRMATION.kind}, name="run-confirm"),
    path("runs/<slug:run_id>/confirm/cancel", jobs.job_cancel, {"kind": CONFIRMATION.kind}),
    path("runs/<slug:run_id>/verify", jobs.start_job, {"kind": VERIFICATION.kind}, name="run-verify"),
    path("runs/<slug:run_id>/verify/cancel", jobs.job_cancel, {"kind": VERIFICATION.kind}),
    path("runs/<slug:run_id>/control", jobs.start_job, {"kind": NOISE_CONTROL.kind}, name="run-control"),
    path("runs/<slug:run_id>/control/cancel", jobs.job_cancel, {"kind": NOISE_CONTROL.kind}),
    path("runs/<slug:run_id>/cells/<int:number>", sweep.cell, name="sweep-cell"),
    path("runs/<slug:run_id>/cells/<int:number>/promote", sweep.promote, name="sweep-promote"),
    path("runs/<slug:run_id>/rows/", sweep.compared, name="sweep-compared"),
    path("runs/<slug:run_id>/cells.csv", sweep.cells_csv, name="sweep-csv"),
    path("runs/<slug:run_id>/files/<str:name>", runs.run_file, name="run-file"),
    path("models/", models.models, name="models"),
    path("models/history/", models.model_history, name="model-history"),
    path("models/<slug:version>/gate/", models.model_gate, name="model-gate"),
    path("models/<slug:version>/deactivate", models.deactivate, name="model-deactivate"),
    path("models/<slug:version>/roll-back", models.roll_back, name="model-roll-back"),
    path("workers/", workers.workers, name="workers"),
    path("trials/", trials.trials, name="trials"),
    path("tries/", trials.trials_moved),  # their address until 0.1
]
