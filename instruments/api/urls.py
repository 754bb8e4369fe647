from django.urls import path

from instruments.api import views

urlpatterns = [
    path("instruments", views.instruments, name="api-instruments"),
    path("instruments/<path:symbol>/bars", views.bars, name="api-bars"),  # a path: symbols such as BTC/USDT
]
