from django.urls import path

from predictions import api, api_recommendations

urlpatterns = [
    path("recommendations", api_recommendations.recommendations, name="api-recommendations"),
    path("poc-predictions/<slug:run_id>", api.poc_predictions, name="api-poc-predictions"),
    path("poc-predictions/<slug:run_id>/columns", api.poc_prediction_columns, name="api-poc-prediction-columns"),
    path("poc-predictions/<slug:run_id>/performance", api.poc_performance, name="api-poc-performance"),
]
