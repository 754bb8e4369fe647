"""Where everything is. Apps are named as strings, so that settings and URLs import nobody's code."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from boursomatic.accounts.permissions import api_permission, page_permission, public
from boursomatic.accounts.roles import Scope

handler400 = "boursomatic.errors.bad_request"
handler403 = "boursomatic.errors.forbidden"
handler404 = "boursomatic.errors.not_found"
handler500 = "boursomatic.errors.server_error"

_schema = SpectacularAPIView.as_view(permission_classes=[api_permission(Scope.READ)])
_docs = SpectacularSwaggerSplitView.as_view(
    url_name="api-schema", template_name="api_docs.html", permission_classes=[api_permission(Scope.READ)]
)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", public(RedirectView.as_view(url="/backtest/"))),
    path("", include("boursomatic.accounts.urls")),
    path("api/schema", _schema, name="api-schema"),
    path("api/docs", page_permission(Scope.READ)(_docs), name="api-docs"),
    path("admin/", admin.site.urls),
]
