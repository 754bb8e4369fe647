from django.urls import path

from instruments import api

urlpatterns = [
    path("instruments", api.instruments, name="api-instruments"),
    path("instruments/<path:symbol>/bars", api.bars, name="api-bars"),  # a path: symbols such as BTC/USDT
]
