"""Where everything is. Apps are named as strings, so that settings and URLs import nobody's code."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path

handler400 = "boursomatic.errors.bad_request"
handler403 = "boursomatic.errors.forbidden"
handler404 = "boursomatic.errors.not_found"
handler500 = "boursomatic.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
]
