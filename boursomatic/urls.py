"""Where everything is. Apps are named as strings, so that settings and URLs import nobody's code."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
