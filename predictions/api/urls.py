from django.urls import path

from predictions.api import candle_predictions, recommendations

urlpatterns = [
    path("recommendations", recommendations.recommendations, name="api-recommendations"),
    path("recommendations/runs", recommendations.recommendation_runs, name="api-recommendation-runs"),
    path("recommendations/score", recommendations.recommendation_score, name="api-recommendation-score"),
    path("poc-predictions/<slug:run_id>", candle_predictions.poc_predictions, name="api-poc-predictions"),
    path(
        "poc-predictions/<slug:run_id>/columns",
        candle_predictions.poc_prediction_columns,
        name="api-poc-prediction-columns",
    ),
    path("poc-predictions/<slug:run_id>/performance", candle_predictions.poc_performance, name="api-poc-performance"),
]
