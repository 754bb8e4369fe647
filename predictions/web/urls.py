"""Pages of what we advise."""

from django.urls import path

from predictions.web.views import asking, home, model_card, palette, recommendations, schedules, subjects

urlpatterns = [
    path("", home.home, name="home"),
    path("universes/<slug:name>/", subjects.universe, name="universe"),
    path("instrument/", subjects.instrument, name="instrument"),
    path("palette", palette.palette, name="palette"),
    path("recommendations/", recommendations.recommendations, name="recommendations"),
    path("recommendations/new", asking.recommend_new, name="recommend-new"),
    path("recommendations/score", asking.score_now, name="score-now"),
    path("recommendations/scorecard/", recommendations.scorecard, name="scorecard"),
    path("recommendations/positions/<slug:version>/", recommendations.positions, name="positions"),
    path("recommendations/drift/", recommendations.drift, name="drift"),
    path("recommendations/<int:number>/why", recommendations.why, name="recommendation-why"),
    path("schedules/", schedules.schedule_list, name="schedules"),
    path("schedules/new", schedules.schedules_new, name="schedules-new"),
    path("schedules/refresh", schedules.refresh_schedule, name="refresh-schedule"),
    path("schedules/backup", schedules.backup_schedule, name="backup-schedule"),
    path("schedules/<int:number>/change", schedules.schedule_change, name="schedule-change"),
    path("predictions/models", home.choices, name="model-choices"),
    path("predictions/records/<slug:run_id>", home.record, name="live-record"),
    path("models/<slug:version>/", model_card.card, name="model-card"),
    path("models/<slug:version>/folder.zip", model_card.folder, name="model-folder"),
    path("models/<slug:version>/predictions.<slug:form>", model_card.predictions, name="model-predictions"),
    path("runs/compare", home.runs_compare, name="runs-compare"),
]
