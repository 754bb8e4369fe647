from django.urls import path

from training import api, api_models, api_runs

urlpatterns = [
    path("training/run-poc", api.run_poc, name="api-run-poc"),
    path("training/poc-runs", api.poc_runs, name="api-poc-runs"),
    path("training/poc-runs/<slug:run_id>", api.poc_run, name="api-poc-run"),
    path("training/poc-runs/<slug:run_id>/cancel", api.poc_run_cancel, name="api-poc-run-cancel"),
    path("training/latest-poc-run", api.latest_poc_run, name="api-latest-poc-run"),
    path("training/runs", api_runs.runs, name="api-runs"),
    path("training/runs/<slug:run_id>", api_runs.run, name="api-run"),
    path("training/runs/<slug:run_id>/cancel", api_runs.run_cancel, name="api-run-cancel"),
    path("models", api_models.models, name="api-models"),
    path("models/history", api_models.history, name="api-model-history"),
    path("models/<slug:version>", api_models.model, name="api-model"),
    path("models/<slug:version>/activate", api_models.activate, name="api-model-activate"),
    path("models/<slug:version>/deactivate", api_models.deactivate, name="api-model-deactivate"),
    path("models/<slug:version>/roll-back", api_models.roll_back, name="api-model-roll-back"),
]
