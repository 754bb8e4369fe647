from django.urls import path

from training.api import candle_runs, data, ensembles, models, runs, studies, suggestion, sweeps

urlpatterns = [
    path("data/uploads/<uuid:upload_id>/store", data.store, name="api-upload-store"),
    path("data/refresh", data.refresh, name="api-refresh"),
    path("training/run-poc", candle_runs.run_poc, name="api-run-poc"),
    path("training/poc-runs", candle_runs.poc_runs, name="api-poc-runs"),
    path("training/poc-runs/<slug:run_id>", candle_runs.poc_run, name="api-poc-run"),
    path("training/poc-runs/<slug:run_id>/cancel", candle_runs.poc_run_cancel, name="api-poc-run-cancel"),
    path("training/latest-poc-run", candle_runs.latest_poc_run, name="api-latest-poc-run"),
    path("training/studies", studies.studies, name="api-studies"),
    path("training/studies/<slug:study_id>", studies.study, name="api-study"),
    path("training/studies/<slug:study_id>/trials", studies.study_trials, name="api-study-trials"),
    path("training/studies/<slug:study_id>/stop", studies.study_stop, name="api-study-stop"),
    path("training/studies/<slug:study_id>/cancel", studies.study_cancel, name="api-study-cancel"),
    path("training/suggestion", suggestion.suggestion, name="api-suggestion"),
    path("training/ensembles", ensembles.ensembles, name="api-ensembles"),
    path("training/runs", runs.runs, name="api-runs"),
    path("training/runs/<slug:run_id>", runs.run, name="api-run"),
    path("training/runs/<slug:run_id>/cancel", runs.run_cancel, name="api-run-cancel"),
    path("training/runs/<slug:run_id>/verify", runs.run_verify, name="api-run-verify"),
    path("training/runs/<slug:run_id>/control", runs.run_control, name="api-run-control"),
    path("training/sweeps", sweeps.sweeps, name="api-sweeps"),
    path("training/sweeps/<slug:sweep_id>", sweeps.sweep, name="api-sweep"),
    path("training/sweeps/<slug:sweep_id>/promote", sweeps.promote, name="api-sweep-promote"),
    path("models", models.models, name="api-models"),
    path("models/history", models.history, name="api-model-history"),
    path("models/<slug:version>", models.model, name="api-model"),
    path("models/<slug:version>/activate", models.activate, name="api-model-activate"),
    path("models/<slug:version>/deactivate", models.deactivate, name="api-model-deactivate"),
    path("models/<slug:version>/roll-back", models.roll_back, name="api-model-roll-back"),
]
