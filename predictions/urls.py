"""Pages of what we advise."""

from django.urls import path

from predictions import views, views_models, views_recommendations, views_schedules

urlpatterns = [
    path("", views.home, name="home"),
    path("recommendations/", views_recommendations.recommendations, name="recommendations"),
    path("recommendations/scorecard/", views_recommendations.scorecard, name="scorecard"),
    path("recommendations/drift/", views_recommendations.drift, name="drift"),
    path("recommendations/<int:number>/why", views_recommendations.why, name="recommendation-why"),
    path("schedules/", views_schedules.schedules, name="schedules"),
    path("schedules/new", views_schedules.schedules_new, name="schedules-new"),
    path("schedules/<int:number>/change", views_schedules.schedule_change, name="schedule-change"),
    path("predictions/models", views.choices, name="model-choices"),
    path("predictions/records/<slug:run_id>", views.record, name="live-record"),
    path("models/<slug:version>/", views_models.card, name="model-card"),
    path("models/<slug:version>/folder.zip", views_models.folder, name="model-folder"),
    path("models/<slug:version>/predictions.<slug:form>", views_models.predictions, name="model-predictions"),
    path("runs/compare", views.runs_compare, name="runs-compare"),
]
