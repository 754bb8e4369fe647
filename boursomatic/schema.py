"""The API's schema at /api/schema and its pages to read and try at /api/docs."""

from typing import Any

from django.urls import path
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.renderers import OpenApiJsonRenderer2
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from boursomatic.accounts.permissions import api_permission, page_permission
from boursomatic.accounts.roles import Scope


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    target_class = "boursomatic.accounts.tokens.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        about = "`Token <token>`: made on the account page"
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": about}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "boursomatic.shared.rest.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "The browser's login, with CSRF"}


_reader = [api_permission(Scope.READ)]
_schema = SpectacularAPIView.as_view(permission_classes=_reader, renderer_classes=[OpenApiJsonRenderer2])
_docs = SpectacularSwaggerSplitView.as_view(
    url_name="api-schema", template_name="api_docs.html", permission_classes=_reader
)

urlpatterns = [
    path("schema", _schema, name="api-schema"),
    path("docs", page_permission(Scope.READ)(_docs), name="api-docs"),
]
