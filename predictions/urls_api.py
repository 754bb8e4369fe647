from django.urls import path

from predictions import api

urlpatterns = [path("poc-predictions/<slug:run_id>", api.poc_predictions, name="api-poc-predictions")]
