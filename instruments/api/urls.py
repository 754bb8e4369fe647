from django.urls import path

from instruments.api import actions, calendars, health, members, sources, uploads, views

urlpatterns = [
    path("data/sources", sources.sources, name="api-sources"),
    path("data/sources/<slug:name>", sources.source, name="api-source"),
    path("data/sources/<slug:name>/try", sources.source_trial, name="api-source-try"),
    path("data/uploads", uploads.uploads, name="api-uploads"),
    path("data/uploads/<uuid:upload_id>", uploads.upload, name="api-upload"),
    path("data/calendars", calendars.calendars, name="api-calendars"),
    path("data/health", health.findings, name="api-findings"),
    path("data/health/<int:finding_id>/acknowledge", health.acknowledge, name="api-finding-acknowledge"),
    path("universes/<slug:name>/members", members.members, name="api-members"),
    path("universes/<slug:name>/members/<path:symbol>", members.member, name="api-member"),
    path("data/health/<int:finding_id>/repair", health.repair, name="api-finding-repair"),
    path("data/health/<int:finding_id>/undo", health.undo, name="api-finding-undo"),
    path("instruments", views.instruments, name="api-instruments"),
    path("instruments/<path:symbol>/bars", views.bars, name="api-bars"),  # a path: symbols such as BTC/USDT
    path("instruments/<path:symbol>/actions", actions.actions, name="api-actions"),
    path("instruments/<path:symbol>/indicators", views.indicators, name="api-indicators"),
]
