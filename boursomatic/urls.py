"""Where everything is. Apps are named as strings, so that settings and URLs import nobody's code."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

handler400 = "boursomatic.errors.bad_request"
handler403 = "boursomatic.errors.forbidden"
handler404 = "boursomatic.errors.not_found"
handler500 = "boursomatic.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("boursomatic.accounts.urls")),
    path("", include("boursomatic.notices.urls")),
    path("", include("instruments.web.urls")),
    path("", include("training.web.urls")),
    path("", include("predictions.web.urls")),
    path("", include("training.web.health")),
    path("docs/", include("boursomatic.docs")),
    path("api/", include("boursomatic.schema")),
    path("api/", include("instruments.api.urls")),
    path("api/", include("training.api.urls")),
    path("api/", include("predictions.api.urls")),
    path("admin/", admin.site.urls),
]
